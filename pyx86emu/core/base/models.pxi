# The model struct lives here: the differences between processors, one field per row of models.py, which explains each.
# The decoder and slow paths read it; fast handlers never do.

cdef struct Model:
    int level
    int count_mask
    int prefix_limit
    int wraps
    int port_wraps
    int address_bits
    int push_sp_new
    uint32_t flags_ones
    uint32_t flags_writable
    uint32_t eflags_writable
    int de_next
    int idiv_min_faults
    int rep_negates
    int rep_forgets
    int bcd_8086
    int lock_ud
    int esc_nm
    uint32_t cr0_reset
    int ss_vector
    int string_half
    int pop_m_half
    int popa_ax_first
    int word_wraps
    int shl_af
    int sar_af
    int shift8_again
    int shld_again
    int bt_of
    int mul_af
    int imul_adds
    int div_flags
    int de_flags
    int idiv_misses
    int aad_of_is_cf
    int cpuid


cdef int load_model(Model* m, str name) except -1:
    cdef Model out = fields(name)            # raises if models.py has a row too few or too many
    m[0] = out
    return 0
