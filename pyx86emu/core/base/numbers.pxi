# Numbers from Python: convert an argument to an exact integer first, test its range afterwards. Every public
# function does it this way.
#
# A value that is tested as a Python object and converted later can lie (an int subclass with its own comparisons),
# wrap silently (numpy integers do) or lose its fraction. After whole() nothing of the caller's object is left.

cpdef object exact(object value, str what):
    """An int of no subclass. TypeError for floats, strings and all that is no integer; `what` names it in the message.

    >>> exact(True, "base")
    1
    """
    if PyLong_CheckExact(value):
        return value
    try:
        number = PyNumber_Index(value)
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}") from None
    return int.__index__(number)                 # of a subclass: a copy without its methods


cdef str shown(object number, str form="#x"):
    """An exact int in a message; a huge one by its size. `form` "d" for what is counted."""
    bits = number.bit_length()
    if bits > 64:
        return f"an integer of {bits} bits"
    return f"{number}" if -10 < number < 10 else f"{number:{form}}"


cpdef object whole(object value, str what, object least, object most):
    """`value` as an int from `least` to `most`; `what` is its name. TypeError: no integer; ValueError: outside.

    >>> whole(5, "port", 0, 0xFFFF)
    5
    """
    return within(exact(value, what), what, least, most)


cdef object within(object number, str what, object least, object most):
    """The same for an exact int."""
    if not least <= number <= most:
        raise ValueError(f"{what} is {shown(number)}: give {shown(least)} to {shown(most)}")
    return number


cpdef bint truth(object value, str what) except -1:
    """`value` as a flag; `what` names it. ValueError: an object that cannot say whether it is true.

    >>> truth([], "readonly")
    False
    """
    try:
        return bool(value)
    except OverflowError:
        raise ValueError(f"{what}={type(value).__name__} is neither true nor false") from None


cdef uint64_t LAST_TIME = 0x7FFFFFFFFFFFFFFFULL  # ns: 292 years. No sum of two times leaves 64 bits


cdef uint64_t moment(object value, str what) except? 0xFFFFFFFFFFFFFFFF:
    """A time in ns; a negative one has passed, as 0 has."""
    cdef object number = exact(value, what)
    return 0 if number < 0 else within(number, what, 0, LAST_TIME)


cdef uint64_t natural(object value, str what) except? 0:
    """`value` as a number of 64 bits. TypeError: no integer; ValueError: negative or wider."""
    number = exact(value, what)
    try:
        return number
    except OverflowError:
        return within(number, what, 0, UINT64_MAX)
