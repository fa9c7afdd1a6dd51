# Errors: make the exceptions that several classes of the face raise.

cdef object os_error(int number, str text):
    return OSError(number, text)


cdef object not_copied(object self, str owned):
    """The exception for copy and pickle. With a copy, two objects would close one descriptor or free one memory."""
    name = type(self).__name__
    return TypeError(f"{name} objects cannot be copied or pickled, since each owns {owned}: make another {name}, "
                     "or pass this one on")
