"""Traces of a running guest: each event becomes a line of text or of JSON. docs/DEBUGGING.md.

wanted.py reads what is asked for, sources.py takes it from the core and the devices, text.py,
json.py and qemu.py write it, tracer.py brings it in order.
"""
