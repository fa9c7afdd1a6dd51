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
    MADV_POPULATE_READ = 22      # of Linux 5.14; older ones refuse it
    MAP_LEAST = 4                # pages: a shorter run costs less to copy than to map

cdef struct Store:               # a memfd with pages, which copies of a Vm map. What is written in it never changes
    uint64_t refs                # pages in it, and Vms that add to it
    int fd
    uint64_t end

cdef struct Page:
    uint64_t refs
    Store* store                 # NULL: it is in none
    uint64_t at                  # where it is there
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
            store_drop(p.store)
            free(p)


cdef bint page_copy(Page** to, const uint8_t* bytes_) noexcept nogil:
    """A page of its own for these bytes. 0: no memory."""
    cdef Page* p = NULL
    if memcmp(bytes_, ZEROS, IMAGE_PAGE):
        p = <Page*>malloc(sizeof(Page))
        if p == NULL:
            return 0
        p.refs = 1
        p.store = NULL
        memcpy(p.data, bytes_, IMAGE_PAGE)
    to[0] = p
    return 1


# -- images

cdef inline uint64_t part_pages(Part* part) noexcept nogil:
    return part.size // IMAGE_PAGE


cdef bint same_part(Part* a, Part* b) noexcept nogil:
    return (a.addr == b.addr and a.size == b.size and a.readonly == b.readonly and a.shared == b.shared
            and (a.log == NULL) == (b.log == NULL)
            and (a.log == NULL or memcmp(a.log, b.log, (part_pages(a) + 7) // 8) == 0)
            and (a.size == 0 or memcmp(a.page, b.page, part_pages(a) * sizeof(Page*)) == 0))


cdef bint same_image(Image* a, Image* b) noexcept nogil:
    """Have both the same pages, and not only equal ones?"""
    cdef int i
    if a == NULL or b == NULL or a.parts != b.parts:
        return 0
    for i in range(a.parts + 2):
        if not same_part(&a.part[i], &b.part[i]):
            return 0
    return 1


cdef Image* image_new(int parts) noexcept nogil:
    """An image whose parts are empty; NULL: no memory."""
    cdef Image* image = <Image*>calloc(1, sizeof(Image))
    if image == NULL:
        return NULL
    image.refs = 1
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
    free(image)


# -- the pages of copies

cdef Store* store_new(int fd) noexcept nogil:
    """A store in an empty memfd, which it closes at its end. NULL: no memory."""
    cdef Store* store = <Store*>calloc(1, sizeof(Store))
    if store != NULL:
        store.refs = 1
        store.fd = fd
    return store


cdef void store_drop(Store* store) noexcept nogil:
    if store != NULL:
        store.refs -= 1
        if store.refs == 0:
            io_close(store.fd)
            free(store)


cdef bint store_part(Store* store, Part* part) noexcept nogil:
    """Add the pages of a part that are not in the store. 0: it cannot be written."""
    cdef io_iovec[256] some
    cdef uint64_t k, i, first, pages = part_pages(part)
    cdef int n = 0
    first = k = 0
    while k < pages or n:
        if n == IOVECS or n and k == pages:
            if not put_at(store.fd, some, n, store.end):
                return 0
            for i in range(first, k):
                if part.page[i] != NULL and part.page[i].store != store:
                    store_drop(part.page[i].store)
                    part.page[i].store = store
                    part.page[i].at = store.end
                    store.refs += 1
                    store.end += IMAGE_PAGE
            n = 0
            first = k
            continue
        if part.page[k] != NULL and part.page[k].store != store:
            some[n].iov_base = part.page[k].data
            some[n].iov_len = IMAGE_PAGE
            n += 1
        k += 1
    return 1


cdef void map_part(Store* store, Part* part, uint8_t* host) noexcept nogil:
    """Let private memory of zeros show a part: as a copy on write where its pages are in the store and long runs of
    them are one after the other, else as a copy."""
    cdef uint64_t k = 0, n, pages = part_pages(part)
    cdef Page* p
    while k < pages:
        p = part.page[k]
        n = 1
        if p == NULL:
            k += 1
            continue
        if store != NULL and p.store == store:
            while k + n < pages and part.page[k + n] != NULL and part.page[k + n].store == store and (
                    part.page[k + n].at == p.at + n * IMAGE_PAGE):
                n += 1
        if n < MAP_LEAST or mmap(host + k * IMAGE_PAGE, n * IMAGE_PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_FIXED, store.fd, <long>p.at) == MAP_FAILED:
            for n in range(k, k + n):
                memcpy(host + n * IMAGE_PAGE, part.page[n].data, IMAGE_PAGE)
            k = n
            n = 1
        k += n


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
