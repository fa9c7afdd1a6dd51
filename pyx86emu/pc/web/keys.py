"""Keys of a browser: turn `KeyboardEvent.code` into the names of the keyboard's keys.

`code` names the place on the keyboard, as the UI Events KeyboardEvent code Values list of the W3C
has it. So the guest's own layout decides what a key types.
"""

_LETTERS = {f"Key{letter.upper()}": letter for letter in "abcdefghijklmnopqrstuvwxyz"}
_DIGITS = {f"Digit{digit}": str(digit) for digit in range(10)}
_FUNCTION = {f"F{number}": f"f{number}" for number in range(1, 13)}
_KEYPAD = {f"Numpad{digit}": f"kp{digit}" for digit in range(10)}

NAMES = {
    **_LETTERS, **_DIGITS, **_FUNCTION, **_KEYPAD,
    "Escape": "esc", "Tab": "tab", "Enter": "enter", "Space": "space", "Backspace": "backspace",
    "CapsLock": "capslock", "NumLock": "numlock", "ScrollLock": "scrolllock", "Pause": "pause",
    "PrintScreen": "print", "ShiftLeft": "shift", "ShiftRight": "rshift", "ControlLeft": "ctrl",
    "ControlRight": "rctrl", "AltLeft": "alt", "AltRight": "altgr", "MetaLeft": "win",
    "MetaRight": "rwin", "ContextMenu": "menu", "Insert": "insert", "Delete": "delete",
    "Home": "home", "End": "end", "PageUp": "pageup", "PageDown": "pagedown", "ArrowLeft": "left",
    "ArrowRight": "right", "ArrowUp": "up", "ArrowDown": "down", "NumpadDivide": "kp/",
    "NumpadMultiply": "kp*", "NumpadSubtract": "kp-", "NumpadAdd": "kp+", "NumpadEnter": "kpenter",
    "NumpadDecimal": "kp.", "IntlBackslash": "102nd", "Backslash": "\\", "Backquote": "`",
    "Minus": "-", "Equal": "=", "BracketLeft": "[", "BracketRight": "]", "Semicolon": ";",
    "Quote": "'", "Comma": ",", "Period": ".", "Slash": "/",
}  # fmt: skip
