# Images live here: the memory of a Vm at one moment, in pages that saved states share. Know bytes, no vCPU.
#
# An image has a part for each memory slot, in the order in which the slots were added, and two for the VGA: its planes,
# and its linear memory while that is memory of the guest. A page of zeros is NULL. Images and pages are counted; only a
# thread with the GIL makes, keeps and drops them.
#
# A Track says which granules of a slot may differ from the image that the Vm was saved to, or restored from, last
# (VM.base). snapshot_memory.pxi compares only these. Memory that others can write too is `foreign`: all of it is
# compared each time.

cdef enum:
    IMAGE_PAGE = 4096
    GRANULE = 256
    AGE_MOST = 16                # restores that found a granule unchanged, until its next store is to be noted again
    IOVECS = 256                 # pages that one system call writes

cdef struct Page:
    uint64_t refs
    uint8_t data[4096]

cdef struct Part:                # the memory of one slot
    uint64_t addr
    uint64_t size                # 0: a part of the VGA that is not there
    bint readonly
    bint shared                  # the slot has a descriptor
    uint8_t* log                 # its dirty log; NULL: it has none
    Page** page                  # NULL: nothing but zeros

cdef struct Image:
    uint64_t refs
    int parts                    # of slots; two more follow
    Part* part
    int fd                       # a memfd with all parts, one after the other; -1: not made yet

cdef struct Track:
    int part                     # of VM.base; -1: of none yet
    bint foreign                 # others can write it, too: nothing is noted
    bint rest                    # bytes after the last of these granules may differ
    uint32_t granules            # of the slot, but no more than a vCPU can reach
    uint32_t n                   # how many may differ
    uint32_t* list               # which
    uint8_t* age                 # by granule; 0: it is not in the list, else 1 + how many restores found it unchanged

# What a page that is NULL has.
cdef uint8_t ZEROS[4096]
memset(ZEROS, 0, sizeof(ZEROS))


# -- pages

cdef inline const uint8_t* page_bytes(Page* p) noexcept nogil:
    return &ZEROS[0] if p == NULL else &p.data[0]


cdef inline Page* page_kept(Page* p) noexcept nogil:
    if p != NULL:
        p.refs += 1
    return p


cdef inline void page_drop(Page* p) noexcept nogil:
    if p != NULL:
        p.refs -= 1
        if p.refs == 0:
            free(p)


cdef bint page_copy(Page** to, const uint8_t* bytes_) noexcept nogil:
    """A page of its own for these bytes. 0: no memory."""
    cdef Page* p = NULL
    if memcmp(bytes_, ZEROS, IMAGE_PAGE):
        p = <Page*>malloc(sizeof(Page))
        if p == NULL:
            return 0
        p.refs = 1
        memcpy(p.data, bytes_, IMAGE_PAGE)
    to[0] = p
    return 1


# -- images

cdef inline uint64_t part_pages(Part* part) noexcept nogil:
    return part.size // IMAGE_PAGE


cdef Image* image_new(int parts) noexcept nogil:
    """An image whose parts are empty; NULL: no memory."""
    cdef Image* image = <Image*>calloc(1, sizeof(Image))
    if image == NULL:
        return NULL
    image.refs = 1
    image.fd = -1
    image.parts = parts
    image.part = <Part*>calloc(parts + 2, sizeof(Part))
    if image.part == NULL:
        free(image)
        return NULL
    return image


cdef bint part_begin(Part* part, uint64_t addr, uint64_t size) noexcept nogil:
    """Give the part pages of zeros. 0: no memory."""
    part.page = <Page**>calloc(size // IMAGE_PAGE, sizeof(Page*))
    if part.page == NULL:
        return 0
    part.addr = addr
    part.size = size
    return 1


cdef void image_drop(Image* image) noexcept:
    cdef Part* part
    cdef uint64_t k
    cdef int i
    if image == NULL:
        return
    image.refs -= 1
    if image.refs:
        return
    for i in range(image.parts + 2):
        part = &image.part[i]
        for k in range(part_pages(part)):
            page_drop(part.page[k])
        free(part.page)
        free(part.log)
    free(image.part)
    if image.fd >= 0:
        io_close(image.fd)
    free(image)


cdef bint image_write(Image* image, int fd) noexcept nogil:
    """Write all pages of slots that are not zeros to a file, each at its place. 0: it failed."""
    cdef io_iovec[256] some
    cdef uint64_t at = 0, k, begin = 0
    cdef Part* part
    cdef int i, n = 0
    for i in range(image.parts):
        part = &image.part[i]
        for k in range(part_pages(part)):
            if n and (part.page[k] == NULL or n == IOVECS):
                if not put_at(fd, some, n, begin):
                    return 0
                n = 0
            if part.page[k] != NULL:
                if n == 0:
                    begin = at
                some[n].iov_base = part.page[k].data
                some[n].iov_len = IMAGE_PAGE
                n += 1
            at += IMAGE_PAGE
    return n == 0 or put_at(fd, some, n, begin)


# -- tracks

cdef Track* track_new(uint64_t size, bint foreign, uint32_t most) noexcept nogil:
    """A track on which nothing differs; NULL: no memory. At most `most` granules are noted."""
    cdef Track* t = <Track*>calloc(1, sizeof(Track))
    if t == NULL:
        return NULL
    t.part = -1
    t.foreign = foreign
    t.granules = 0 if foreign else <uint32_t>min(size // GRANULE, <uint64_t>most)
    t.age = <uint8_t*>calloc(t.granules + 1, 1)
    t.list = <uint32_t*>malloc((t.granules + 1) * sizeof(uint32_t))
    if t.age == NULL or t.list == NULL:
        track_free(t)
        return NULL
    return t


cdef void track_free(Track* t) noexcept nogil:
    if t != NULL:
        free(t.age)
        free(t.list)
        free(t)


cdef inline void track_note(Track* t, uint64_t granule) noexcept nogil:
    """This granule may differ from now on. The caller holds VM.noting."""
    if granule >= t.granules:
        t.rest = 1
    elif t.age[granule] == 0:
        t.age[granule] = 1
        t.list[t.n] = <uint32_t>granule
        t.n += 1
