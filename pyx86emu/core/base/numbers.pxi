# Numbers from Python are converted here: first to an exact int, then the range is tested. Every public function keeps
# this order.
#
# The other order is not safe. A subclass of int may compare as it likes, a numpy integer wraps silently, and a float
# loses its fraction. whole() returns a plain int that has nothing of the caller's object.

cpdef object exact(object value, str what):
    """`value` as a plain int, not of a subclass. TypeError: a float, a string or anything else that is not an integer.
    `what` names the argument in the message.

    >>> exact(True, "base")
    1
    """
    if PyLong_CheckExact(value):
        return value
    try:
        number = PyNumber_Index(value)
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}") from None
    return int.__index__(number)                 # a copy without the methods of a subclass


cdef object address(object value, str what):
    """`value` as an address: an integer, or text or a pair, which pyx86emu.address reads. Raises as exact() and
    linear() do. The caller tests the range."""
    if isinstance(value, (str, tuple)):
        from pyx86emu.address import linear      # most programs give integers only

        return linear(value, what=what)
    return exact(value, what)


cpdef str shown(object number, str form="#x"):
    """An exact int as text for a message. Above 64 bits only its size is given. `form`: "d" for a count.

    >>> shown(255), shown(255, "d"), shown(1 << 99)
    ('0xff', '255', 'an integer of 100 bits')
    """
    bits = number.bit_length()
    if bits > 64:
        return f"an integer of {bits} bits"
    return f"{number}" if -10 < number < 10 else f"{number:{form}}"


cpdef object whole(object value, str what, object least, object most):
    """`value` as an int from `least` to `most`; `what` names it. TypeError: not an integer. ValueError: out of range.

    >>> whole(5, "port", 0, 0xFFFF)
    5
    """
    return within(exact(value, what), what, least, most)


cdef object within(object number, str what, object least, object most):
    """As whole(), for an exact int."""
    if not least <= number <= most:
        raise ValueError(f"{what} is {shown(number)}: give {shown(least)} to {shown(most)}")
    return number


cpdef bint truth(object value, str what) except -1:
    """`value` as a flag; `what` names it. ValueError: bool() of it overflows.

    >>> truth([], "readonly")
    False
    """
    try:
        return bool(value)
    except OverflowError:
        raise ValueError(f"{what}={type(value).__name__} is neither true nor false") from None


cdef uint64_t LAST_TIME = 0x7FFFFFFFFFFFFFFFULL  # ns: 292 years. The sum of two times fits in 64 bits


cdef uint64_t moment(object value, str what) except? 0xFFFFFFFFFFFFFFFF:
    """`value` as a time in ns. A negative time counts as 0: both have passed."""
    cdef object number = exact(value, what)
    return 0 if number < 0 else within(number, what, 0, LAST_TIME)


cdef uint64_t natural(object value, str what) except? 0:
    """`value` as an unsigned number of 64 bits. TypeError: not an integer. ValueError: negative or too large."""
    number = exact(value, what)
    try:
        return number
    except OverflowError:
        return within(number, what, 0, UINT64_MAX)
