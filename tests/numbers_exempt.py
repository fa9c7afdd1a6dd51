"""The numbers that no place has, and why."""

#: Numbers that no place has, and why.
EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("Access.__init__", "Guest.mouse", "Server.__init__", "Serving.serve", "WebDisplay.wait"),
        "called by WebDisplay, or with numbers that a message was checked for; tests/pc/web",
    ),
    **dict.fromkeys(("Running.expect", "Idle.run"), "as Running.limits, which is"),
    **dict.fromkeys(("ending.place", "firmware.symbol"), "called with registers of the vCPU"),
    "Ps2Mouse.receive": "called by the 8042, with bytes of the guest",
    "Serving.film": "makes a file; tests/pc/test_film.py has its numbers",
    **dict.fromkeys(
        ("Film.__init__", "markup.half_blocks", "render.font_bases", "text.row"),
        "called by the screen, with numbers that it has looked at",
    ),
    **dict.fromkeys(
        (
            *("Attachment.__init__", "Timer.__init__", "Wires.__init__", "IrqFd.__init__"),
            *("board.add_memory", "board.cmos", "_core.access_exit", "_core.irqfd_known"),
            *("_core.ping", "_core.pong", "_core.stop_ping", "optionroms.is_memory"),
            "VirtioTransport.again",
        ),
        "made or called by the package only, with numbers that it has looked at",
    ),
    **dict.fromkeys(
        (
            *("Drive.step_to", "Drive.sectors_on_track", "Drive.lba", "Drive.read"),
            *("Drive.write", "FloppyChip.parameters_of", "FloppyController.parameters_of"),
        ),
        "called by the floppy controller, with bytes of the guest",
    ),
    **dict.fromkeys(
        (
            *("AtaDrive.__init__", "AtaDrive.command", "AtaDrive.read_data"),
            *("AtaDrive.write_data", "identify.text", "identify.words"),
        ),
        "called by the ATA channel, with bytes of the guest and what a disk says of itself",
    ),
    **dict.fromkeys(
        ("handover.tried",),
        "called with what the BIOS has written",
    ),
    **dict.fromkeys(
        (
            *("Bpb.floppy", "Bpb.hard_disk", "identify.identify", "magic.found"),
            *("opening.open_image", "opening.size_of", "opening.read_at", "opening.write_at"),
            *("opening.write_all", "partitions.outside", "partitions.table_geometry"),
            *("Overlay.__init__", "Overlay.drop", "Overlay.get", "Overlay.next_after"),
            *("Overlay.put", "Overlay.read", "overlay.runs", "fat.consecutive"),
            *("RawImage.__init__", "RawImage.read", "RawImage.write", "hostdir.dos_time"),
            *("Volume.make_directory", "Volume.write", "fatdisk.directory_image"),
            "fatmake.hard_disk",
        ),
        "called by the disk only, with sizes and sectors that it has looked at",
    ),
    "_core.whole.least": "a limit that the caller writes into its own code",
    "_core.whole.most": "a limit that the caller writes into its own code",
    "state.take_whole": "limits that the caller writes into its own code",
    "memory.load.hole": "a byte that the caller writes into its own code",
    "_core.shown": "text of a number that was looked at",
    "Log.append": "called for each byte of the guest, by its device",
    "limits.passed": "called with what moment() has returned",
}
