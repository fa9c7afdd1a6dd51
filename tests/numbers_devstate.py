"""The numbers of saved devices and disks that no place has, and why."""

EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        ("Whole.__init__", "Raw.__init__", "Row.__init__", "Table.__init__"),
        "rows of tables of the package",
    ),
    **dict.fromkeys(
        (
            *("Seek.__init__", "Seek.start", "AtaDrive.checked", "Layer.__init__", "Layer.has"),
            *("Layer.add", "Layer.drop", "Base.digest", "Place.__init__", "kept.ties"),
            *("saved.from_values", "saved.stamp_of", "saved.sha256"),
        ),
        "called by its device, disk or machine, with numbers that it has looked at",
    ),
    "Clock.in_order": "takes what Clock.timers returned",
    "Log.rewind": "takes what Log.mark returned",
}
