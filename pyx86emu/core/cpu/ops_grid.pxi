# The instances of the handler templates live here, and their tables.
# Written by make_grid.py: edit that, not this.

cdef Op* add8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 1, LIVE)

cdef Op* add16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 2, LIVE)

cdef Op* add32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 4, LIVE)

cdef Op* or8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 1, LIVE)

cdef Op* or16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 2, LIVE)

cdef Op* or32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 4, LIVE)

cdef Op* adc8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 1, LIVE)

cdef Op* adc16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 2, LIVE)

cdef Op* adc32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 4, LIVE)

cdef Op* sbb8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 1, LIVE)

cdef Op* sbb16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 2, LIVE)

cdef Op* sbb32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 4, LIVE)

cdef Op* and8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 1, LIVE)

cdef Op* and16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 2, LIVE)

cdef Op* and32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 4, LIVE)

cdef Op* sub8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 1, LIVE)

cdef Op* sub16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 2, LIVE)

cdef Op* sub32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 4, LIVE)

cdef Op* xor8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 1, LIVE)

cdef Op* xor16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 2, LIVE)

cdef Op* xor32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 4, LIVE)

cdef Op* cmp8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 1, LIVE)

cdef Op* cmp16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 2, LIVE)

cdef Op* cmp32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 4, LIVE)

cdef Op* test8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 1, LIVE)

cdef Op* test16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 2, LIVE)

cdef Op* test32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 4, LIVE)

cdef Op* add8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 1, DEAD)

cdef Op* add16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 2, DEAD)

cdef Op* add32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 4, DEAD)

cdef Op* or8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 1, DEAD)

cdef Op* or16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 2, DEAD)

cdef Op* or32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 4, DEAD)

cdef Op* adc8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 1, DEAD)

cdef Op* adc16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 2, DEAD)

cdef Op* adc32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 4, DEAD)

cdef Op* sbb8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 1, DEAD)

cdef Op* sbb16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 2, DEAD)

cdef Op* sbb32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 4, DEAD)

cdef Op* and8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 1, DEAD)

cdef Op* and16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 2, DEAD)

cdef Op* and32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 4, DEAD)

cdef Op* sub8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 1, DEAD)

cdef Op* sub16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 2, DEAD)

cdef Op* sub32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 4, DEAD)

cdef Op* xor8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 1, DEAD)

cdef Op* xor16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 2, DEAD)

cdef Op* xor32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 4, DEAD)

cdef Op* cmp8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 1, DEAD)

cdef Op* cmp16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 2, DEAD)

cdef Op* cmp32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 4, DEAD)

cdef Op* test8_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 1, DEAD)

cdef Op* test16_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 2, DEAD)

cdef Op* test32_rr_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 4, DEAD)

cdef Op* add8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 1, LIVE)

cdef Op* add16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 2, LIVE)

cdef Op* add32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 4, LIVE)

cdef Op* or8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 1, LIVE)

cdef Op* or16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 2, LIVE)

cdef Op* or32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 4, LIVE)

cdef Op* adc8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 1, LIVE)

cdef Op* adc16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 2, LIVE)

cdef Op* adc32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 4, LIVE)

cdef Op* sbb8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 1, LIVE)

cdef Op* sbb16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 2, LIVE)

cdef Op* sbb32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 4, LIVE)

cdef Op* and8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 1, LIVE)

cdef Op* and16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 2, LIVE)

cdef Op* and32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 4, LIVE)

cdef Op* sub8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 1, LIVE)

cdef Op* sub16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 2, LIVE)

cdef Op* sub32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 4, LIVE)

cdef Op* xor8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 1, LIVE)

cdef Op* xor16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 2, LIVE)

cdef Op* xor32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 4, LIVE)

cdef Op* cmp8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 1, LIVE)

cdef Op* cmp16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 2, LIVE)

cdef Op* cmp32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 4, LIVE)

cdef Op* test8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 1, LIVE)

cdef Op* test16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 2, LIVE)

cdef Op* test32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 4, LIVE)

cdef Op* add8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 1, DEAD)

cdef Op* add16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 2, DEAD)

cdef Op* add32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 4, DEAD)

cdef Op* or8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 1, DEAD)

cdef Op* or16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 2, DEAD)

cdef Op* or32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 4, DEAD)

cdef Op* adc8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 1, DEAD)

cdef Op* adc16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 2, DEAD)

cdef Op* adc32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 4, DEAD)

cdef Op* sbb8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 1, DEAD)

cdef Op* sbb16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 2, DEAD)

cdef Op* sbb32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 4, DEAD)

cdef Op* and8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 1, DEAD)

cdef Op* and16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 2, DEAD)

cdef Op* and32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 4, DEAD)

cdef Op* sub8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 1, DEAD)

cdef Op* sub16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 2, DEAD)

cdef Op* sub32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 4, DEAD)

cdef Op* xor8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 1, DEAD)

cdef Op* xor16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 2, DEAD)

cdef Op* xor32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 4, DEAD)

cdef Op* cmp8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 1, DEAD)

cdef Op* cmp16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 2, DEAD)

cdef Op* cmp32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 4, DEAD)

cdef Op* test8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 1, DEAD)

cdef Op* test16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 2, DEAD)

cdef Op* test32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 4, DEAD)

cdef Op* add8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 1, LIVE, 2)

cdef Op* add16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 2, LIVE, 2)

cdef Op* add32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 4, LIVE, 2)

cdef Op* or8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 1, LIVE, 2)

cdef Op* or16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 2, LIVE, 2)

cdef Op* or32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 4, LIVE, 2)

cdef Op* adc8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 1, LIVE, 2)

cdef Op* adc16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 2, LIVE, 2)

cdef Op* adc32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 4, LIVE, 2)

cdef Op* sbb8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 1, LIVE, 2)

cdef Op* sbb16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 2, LIVE, 2)

cdef Op* sbb32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 4, LIVE, 2)

cdef Op* and8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 1, LIVE, 2)

cdef Op* and16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 2, LIVE, 2)

cdef Op* and32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 4, LIVE, 2)

cdef Op* sub8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 1, LIVE, 2)

cdef Op* sub16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 2, LIVE, 2)

cdef Op* sub32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 4, LIVE, 2)

cdef Op* xor8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 1, LIVE, 2)

cdef Op* xor16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 2, LIVE, 2)

cdef Op* xor32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 4, LIVE, 2)

cdef Op* cmp8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 1, LIVE, 2)

cdef Op* cmp16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 2, LIVE, 2)

cdef Op* cmp32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 4, LIVE, 2)

cdef Op* test8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 1, LIVE, 2)

cdef Op* test16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 2, LIVE, 2)

cdef Op* test32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 4, LIVE, 2)

cdef Op* add8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 1, LIVE, 4)

cdef Op* add16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 2, LIVE, 4)

cdef Op* add32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 4, LIVE, 4)

cdef Op* or8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 1, LIVE, 4)

cdef Op* or16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 2, LIVE, 4)

cdef Op* or32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 4, LIVE, 4)

cdef Op* adc8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 1, LIVE, 4)

cdef Op* adc16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 2, LIVE, 4)

cdef Op* adc32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 4, LIVE, 4)

cdef Op* sbb8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 1, LIVE, 4)

cdef Op* sbb16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 2, LIVE, 4)

cdef Op* sbb32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 4, LIVE, 4)

cdef Op* and8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 1, LIVE, 4)

cdef Op* and16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 2, LIVE, 4)

cdef Op* and32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 4, LIVE, 4)

cdef Op* sub8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 1, LIVE, 4)

cdef Op* sub16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 2, LIVE, 4)

cdef Op* sub32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 4, LIVE, 4)

cdef Op* xor8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 1, LIVE, 4)

cdef Op* xor16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 2, LIVE, 4)

cdef Op* xor32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 4, LIVE, 4)

cdef Op* cmp8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 1, LIVE, 4)

cdef Op* cmp16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 2, LIVE, 4)

cdef Op* cmp32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 4, LIVE, 4)

cdef Op* test8_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 1, LIVE, 4)

cdef Op* test16_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 2, LIVE, 4)

cdef Op* test32_rm_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 4, LIVE, 4)

cdef Op* add8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 1, DEAD, 2)

cdef Op* add16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 2, DEAD, 2)

cdef Op* add32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 4, DEAD, 2)

cdef Op* or8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 1, DEAD, 2)

cdef Op* or16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 2, DEAD, 2)

cdef Op* or32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 4, DEAD, 2)

cdef Op* adc8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 1, DEAD, 2)

cdef Op* adc16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 2, DEAD, 2)

cdef Op* adc32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 4, DEAD, 2)

cdef Op* sbb8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 1, DEAD, 2)

cdef Op* sbb16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 2, DEAD, 2)

cdef Op* sbb32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 4, DEAD, 2)

cdef Op* and8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 1, DEAD, 2)

cdef Op* and16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 2, DEAD, 2)

cdef Op* and32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 4, DEAD, 2)

cdef Op* sub8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 1, DEAD, 2)

cdef Op* sub16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 2, DEAD, 2)

cdef Op* sub32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 4, DEAD, 2)

cdef Op* xor8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 1, DEAD, 2)

cdef Op* xor16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 2, DEAD, 2)

cdef Op* xor32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 4, DEAD, 2)

cdef Op* cmp8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 1, DEAD, 2)

cdef Op* cmp16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 2, DEAD, 2)

cdef Op* cmp32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 4, DEAD, 2)

cdef Op* test8_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 1, DEAD, 2)

cdef Op* test16_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 2, DEAD, 2)

cdef Op* test32_rm_dead(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 4, DEAD, 2)

cdef Op* add8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 1, DEAD, 4)

cdef Op* add16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 2, DEAD, 4)

cdef Op* add32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 4, DEAD, 4)

cdef Op* or8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 1, DEAD, 4)

cdef Op* or16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 2, DEAD, 4)

cdef Op* or32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 4, DEAD, 4)

cdef Op* adc8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 1, DEAD, 4)

cdef Op* adc16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 2, DEAD, 4)

cdef Op* adc32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 4, DEAD, 4)

cdef Op* sbb8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 1, DEAD, 4)

cdef Op* sbb16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 2, DEAD, 4)

cdef Op* sbb32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 4, DEAD, 4)

cdef Op* and8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 1, DEAD, 4)

cdef Op* and16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 2, DEAD, 4)

cdef Op* and32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 4, DEAD, 4)

cdef Op* sub8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 1, DEAD, 4)

cdef Op* sub16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 2, DEAD, 4)

cdef Op* sub32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 4, DEAD, 4)

cdef Op* xor8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 1, DEAD, 4)

cdef Op* xor16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 2, DEAD, 4)

cdef Op* xor32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 4, DEAD, 4)

cdef Op* cmp8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 1, DEAD, 4)

cdef Op* cmp16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 2, DEAD, 4)

cdef Op* cmp32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 4, DEAD, 4)

cdef Op* test8_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 1, DEAD, 4)

cdef Op* test16_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 2, DEAD, 4)

cdef Op* test32_rm_dead_a32(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 4, DEAD, 4)

cdef Op* add8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 1, 2)

cdef Op* add16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 2, 2)

cdef Op* add32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 4, 2)

cdef Op* or8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 1, 2)

cdef Op* or16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 2, 2)

cdef Op* or32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 4, 2)

cdef Op* adc8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 1, 2)

cdef Op* adc16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 2, 2)

cdef Op* adc32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 4, 2)

cdef Op* sbb8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 1, 2)

cdef Op* sbb16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 2, 2)

cdef Op* sbb32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 4, 2)

cdef Op* and8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 1, 2)

cdef Op* and16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 2, 2)

cdef Op* and32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 4, 2)

cdef Op* sub8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 1, 2)

cdef Op* sub16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 2, 2)

cdef Op* sub32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 4, 2)

cdef Op* xor8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 1, 2)

cdef Op* xor16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 2, 2)

cdef Op* xor32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 4, 2)

cdef Op* cmp8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 1, 2)

cdef Op* cmp16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 2, 2)

cdef Op* cmp32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 4, 2)

cdef Op* test8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 1, 2)

cdef Op* test16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 2, 2)

cdef Op* test32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 4, 2)

cdef Op* add8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 1, 4)

cdef Op* add16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 2, 4)

cdef Op* add32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 4, 4)

cdef Op* or8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 1, 4)

cdef Op* or16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 2, 4)

cdef Op* or32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 4, 4)

cdef Op* adc8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 1, 4)

cdef Op* adc16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 2, 4)

cdef Op* adc32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 4, 4)

cdef Op* sbb8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 1, 4)

cdef Op* sbb16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 2, 4)

cdef Op* sbb32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 4, 4)

cdef Op* and8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 1, 4)

cdef Op* and16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 2, 4)

cdef Op* and32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 4, 4)

cdef Op* sub8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 1, 4)

cdef Op* sub16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 2, 4)

cdef Op* sub32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 4, 4)

cdef Op* xor8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 1, 4)

cdef Op* xor16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 2, 4)

cdef Op* xor32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 4, 4)

cdef Op* cmp8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 1, 4)

cdef Op* cmp16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 2, 4)

cdef Op* cmp32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 4, 4)

cdef Op* test8_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 1, 4)

cdef Op* test16_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 2, 4)

cdef Op* test32_mr_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 4, 4)

cdef Op* add8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 1, 2)

cdef Op* add16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 2, 2)

cdef Op* add32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 4, 2)

cdef Op* or8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 1, 2)

cdef Op* or16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 2, 2)

cdef Op* or32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 4, 2)

cdef Op* adc8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 1, 2)

cdef Op* adc16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 2, 2)

cdef Op* adc32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 4, 2)

cdef Op* sbb8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 1, 2)

cdef Op* sbb16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 2, 2)

cdef Op* sbb32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 4, 2)

cdef Op* and8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 1, 2)

cdef Op* and16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 2, 2)

cdef Op* and32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 4, 2)

cdef Op* sub8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 1, 2)

cdef Op* sub16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 2, 2)

cdef Op* sub32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 4, 2)

cdef Op* xor8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 1, 2)

cdef Op* xor16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 2, 2)

cdef Op* xor32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 4, 2)

cdef Op* cmp8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 1, 2)

cdef Op* cmp16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 2, 2)

cdef Op* cmp32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 4, 2)

cdef Op* test8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 1, 2)

cdef Op* test16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 2, 2)

cdef Op* test32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 4, 2)

cdef Op* add8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 1, 4)

cdef Op* add16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 2, 4)

cdef Op* add32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 4, 4)

cdef Op* or8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 1, 4)

cdef Op* or16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 2, 4)

cdef Op* or32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 4, 4)

cdef Op* adc8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 1, 4)

cdef Op* adc16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 2, 4)

cdef Op* adc32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 4, 4)

cdef Op* sbb8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 1, 4)

cdef Op* sbb16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 2, 4)

cdef Op* sbb32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 4, 4)

cdef Op* and8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 1, 4)

cdef Op* and16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 2, 4)

cdef Op* and32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 4, 4)

cdef Op* sub8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 1, 4)

cdef Op* sub16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 2, 4)

cdef Op* sub32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 4, 4)

cdef Op* xor8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 1, 4)

cdef Op* xor16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 2, 4)

cdef Op* xor32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 4, 4)

cdef Op* cmp8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 1, 4)

cdef Op* cmp16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 2, 4)

cdef Op* cmp32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 4, 4)

cdef Op* test8_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 1, 4)

cdef Op* test16_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 2, 4)

cdef Op* test32_mi_a32(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 4, 4)

cdef Op* inc8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 1, LIVE)

cdef Op* inc16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 2, LIVE)

cdef Op* inc32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 4, LIVE)

cdef Op* dec8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 1, LIVE)

cdef Op* dec16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 2, LIVE)

cdef Op* dec32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 4, LIVE)

cdef Op* not8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 1, LIVE)

cdef Op* not16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 2, LIVE)

cdef Op* not32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 4, LIVE)

cdef Op* neg8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 1, LIVE)

cdef Op* neg16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 2, LIVE)

cdef Op* neg32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 4, LIVE)

cdef Op* inc8_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 1, DEAD)

cdef Op* inc16_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 2, DEAD)

cdef Op* inc32_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 4, DEAD)

cdef Op* dec8_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 1, DEAD)

cdef Op* dec16_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 2, DEAD)

cdef Op* dec32_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 4, DEAD)

cdef Op* not8_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 1, DEAD)

cdef Op* not16_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 2, DEAD)

cdef Op* not32_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 4, DEAD)

cdef Op* neg8_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 1, DEAD)

cdef Op* neg16_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 2, DEAD)

cdef Op* neg32_r_dead(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 4, DEAD)

cdef Op* add8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADD, 1, LIVE)

cdef Op* add16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADD, 2, LIVE)

cdef Op* add32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADD, 4, LIVE)

cdef Op* or8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, OR, 1, LIVE)

cdef Op* or16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, OR, 2, LIVE)

cdef Op* or32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, OR, 4, LIVE)

cdef Op* adc8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADC, 1, LIVE)

cdef Op* adc16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADC, 2, LIVE)

cdef Op* adc32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADC, 4, LIVE)

cdef Op* sbb8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SBB, 1, LIVE)

cdef Op* sbb16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SBB, 2, LIVE)

cdef Op* sbb32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SBB, 4, LIVE)

cdef Op* and8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, AND, 1, LIVE)

cdef Op* and16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, AND, 2, LIVE)

cdef Op* and32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, AND, 4, LIVE)

cdef Op* sub8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SUB, 1, LIVE)

cdef Op* sub16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SUB, 2, LIVE)

cdef Op* sub32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SUB, 4, LIVE)

cdef Op* xor8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, XOR, 1, LIVE)

cdef Op* xor16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, XOR, 2, LIVE)

cdef Op* xor32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, XOR, 4, LIVE)

cdef Op* cmp8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, CMP, 1, LIVE)

cdef Op* cmp16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, CMP, 2, LIVE)

cdef Op* cmp32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, CMP, 4, LIVE)

cdef Op* test8_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, TEST, 1, LIVE)

cdef Op* test16_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, TEST, 2, LIVE)

cdef Op* test32_rr_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, TEST, 4, LIVE)

cdef Op* add8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADD, 1, DEAD)

cdef Op* add16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADD, 2, DEAD)

cdef Op* add32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADD, 4, DEAD)

cdef Op* or8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, OR, 1, DEAD)

cdef Op* or16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, OR, 2, DEAD)

cdef Op* or32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, OR, 4, DEAD)

cdef Op* adc8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADC, 1, DEAD)

cdef Op* adc16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADC, 2, DEAD)

cdef Op* adc32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, ADC, 4, DEAD)

cdef Op* sbb8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SBB, 1, DEAD)

cdef Op* sbb16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SBB, 2, DEAD)

cdef Op* sbb32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SBB, 4, DEAD)

cdef Op* and8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, AND, 1, DEAD)

cdef Op* and16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, AND, 2, DEAD)

cdef Op* and32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, AND, 4, DEAD)

cdef Op* sub8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SUB, 1, DEAD)

cdef Op* sub16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SUB, 2, DEAD)

cdef Op* sub32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, SUB, 4, DEAD)

cdef Op* xor8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, XOR, 1, DEAD)

cdef Op* xor16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, XOR, 2, DEAD)

cdef Op* xor32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, XOR, 4, DEAD)

cdef Op* cmp8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, CMP, 1, DEAD)

cdef Op* cmp16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, CMP, 2, DEAD)

cdef Op* cmp32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, CMP, 4, DEAD)

cdef Op* test8_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, TEST, 1, DEAD)

cdef Op* test16_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, TEST, 2, DEAD)

cdef Op* test32_rr_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_rr(c, o, TEST, 4, DEAD)

cdef Op* add8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADD, 1, LIVE)

cdef Op* add16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADD, 2, LIVE)

cdef Op* add32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADD, 4, LIVE)

cdef Op* or8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, OR, 1, LIVE)

cdef Op* or16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, OR, 2, LIVE)

cdef Op* or32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, OR, 4, LIVE)

cdef Op* adc8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADC, 1, LIVE)

cdef Op* adc16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADC, 2, LIVE)

cdef Op* adc32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADC, 4, LIVE)

cdef Op* sbb8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SBB, 1, LIVE)

cdef Op* sbb16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SBB, 2, LIVE)

cdef Op* sbb32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SBB, 4, LIVE)

cdef Op* and8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, AND, 1, LIVE)

cdef Op* and16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, AND, 2, LIVE)

cdef Op* and32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, AND, 4, LIVE)

cdef Op* sub8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SUB, 1, LIVE)

cdef Op* sub16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SUB, 2, LIVE)

cdef Op* sub32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SUB, 4, LIVE)

cdef Op* xor8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, XOR, 1, LIVE)

cdef Op* xor16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, XOR, 2, LIVE)

cdef Op* xor32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, XOR, 4, LIVE)

cdef Op* cmp8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, CMP, 1, LIVE)

cdef Op* cmp16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, CMP, 2, LIVE)

cdef Op* cmp32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, CMP, 4, LIVE)

cdef Op* test8_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, TEST, 1, LIVE)

cdef Op* test16_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, TEST, 2, LIVE)

cdef Op* test32_ri_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, TEST, 4, LIVE)

cdef Op* add8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADD, 1, DEAD)

cdef Op* add16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADD, 2, DEAD)

cdef Op* add32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADD, 4, DEAD)

cdef Op* or8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, OR, 1, DEAD)

cdef Op* or16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, OR, 2, DEAD)

cdef Op* or32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, OR, 4, DEAD)

cdef Op* adc8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADC, 1, DEAD)

cdef Op* adc16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADC, 2, DEAD)

cdef Op* adc32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, ADC, 4, DEAD)

cdef Op* sbb8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SBB, 1, DEAD)

cdef Op* sbb16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SBB, 2, DEAD)

cdef Op* sbb32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SBB, 4, DEAD)

cdef Op* and8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, AND, 1, DEAD)

cdef Op* and16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, AND, 2, DEAD)

cdef Op* and32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, AND, 4, DEAD)

cdef Op* sub8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SUB, 1, DEAD)

cdef Op* sub16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SUB, 2, DEAD)

cdef Op* sub32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, SUB, 4, DEAD)

cdef Op* xor8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, XOR, 1, DEAD)

cdef Op* xor16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, XOR, 2, DEAD)

cdef Op* xor32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, XOR, 4, DEAD)

cdef Op* cmp8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, CMP, 1, DEAD)

cdef Op* cmp16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, CMP, 2, DEAD)

cdef Op* cmp32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, CMP, 4, DEAD)

cdef Op* test8_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, TEST, 1, DEAD)

cdef Op* test16_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, TEST, 2, DEAD)

cdef Op* test32_ri_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_alu_ri(c, o, TEST, 4, DEAD)

cdef Op* inc8_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, INC, 1, LIVE)

cdef Op* inc16_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, INC, 2, LIVE)

cdef Op* inc32_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, INC, 4, LIVE)

cdef Op* dec8_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, DEC, 1, LIVE)

cdef Op* dec16_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, DEC, 2, LIVE)

cdef Op* dec32_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, DEC, 4, LIVE)

cdef Op* not8_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NOT, 1, LIVE)

cdef Op* not16_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NOT, 2, LIVE)

cdef Op* not32_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NOT, 4, LIVE)

cdef Op* neg8_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NEG, 1, LIVE)

cdef Op* neg16_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NEG, 2, LIVE)

cdef Op* neg32_r_predicated(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NEG, 4, LIVE)

cdef Op* inc8_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, INC, 1, DEAD)

cdef Op* inc16_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, INC, 2, DEAD)

cdef Op* inc32_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, INC, 4, DEAD)

cdef Op* dec8_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, DEC, 1, DEAD)

cdef Op* dec16_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, DEC, 2, DEAD)

cdef Op* dec32_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, DEC, 4, DEAD)

cdef Op* not8_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NOT, 1, DEAD)

cdef Op* not16_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NOT, 2, DEAD)

cdef Op* not32_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NOT, 4, DEAD)

cdef Op* neg8_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NEG, 1, DEAD)

cdef Op* neg16_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NEG, 2, DEAD)

cdef Op* neg32_r_predicated_dead(CPU* c, Op* o) noexcept nogil:
    return predicated_unary_r(c, o, NEG, 4, DEAD)

cdef Op* inc8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 1, 2)

cdef Op* inc16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 2, 2)

cdef Op* inc32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 4, 2)

cdef Op* dec8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 1, 2)

cdef Op* dec16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 2, 2)

cdef Op* dec32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 4, 2)

cdef Op* not8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 1, 2)

cdef Op* not16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 2, 2)

cdef Op* not32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 4, 2)

cdef Op* neg8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 1, 2)

cdef Op* neg16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 2, 2)

cdef Op* neg32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 4, 2)

cdef Op* inc8_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 1, 4)

cdef Op* inc16_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 2, 4)

cdef Op* inc32_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 4, 4)

cdef Op* dec8_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 1, 4)

cdef Op* dec16_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 2, 4)

cdef Op* dec32_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 4, 4)

cdef Op* not8_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 1, 4)

cdef Op* not16_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 2, 4)

cdef Op* not32_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 4, 4)

cdef Op* neg8_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 1, 4)

cdef Op* neg16_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 2, 4)

cdef Op* neg32_m_a32(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 4, 4)

cdef Op* rol8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 1, LIVE)

cdef Op* rol16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 2, LIVE)

cdef Op* rol32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 4, LIVE)

cdef Op* ror8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 1, LIVE)

cdef Op* ror16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 2, LIVE)

cdef Op* ror32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 4, LIVE)

cdef Op* rcl8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 1, LIVE)

cdef Op* rcl16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 2, LIVE)

cdef Op* rcl32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 4, LIVE)

cdef Op* rcr8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 1, LIVE)

cdef Op* rcr16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 2, LIVE)

cdef Op* rcr32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 4, LIVE)

cdef Op* shl8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 1, LIVE)

cdef Op* shl16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 2, LIVE)

cdef Op* shl32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 4, LIVE)

cdef Op* shr8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 1, LIVE)

cdef Op* shr16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 2, LIVE)

cdef Op* shr32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 4, LIVE)

cdef Op* setmo8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 1, LIVE)

cdef Op* setmo16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 2, LIVE)

cdef Op* setmo32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 4, LIVE)

cdef Op* sar8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 1, LIVE)

cdef Op* sar16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 2, LIVE)

cdef Op* sar32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 4, LIVE)

cdef Op* rol8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 1, DEAD)

cdef Op* rol16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 2, DEAD)

cdef Op* rol32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 4, DEAD)

cdef Op* ror8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 1, DEAD)

cdef Op* ror16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 2, DEAD)

cdef Op* ror32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 4, DEAD)

cdef Op* rcl8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 1, DEAD)

cdef Op* rcl16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 2, DEAD)

cdef Op* rcl32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 4, DEAD)

cdef Op* rcr8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 1, DEAD)

cdef Op* rcr16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 2, DEAD)

cdef Op* rcr32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 4, DEAD)

cdef Op* shl8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 1, DEAD)

cdef Op* shl16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 2, DEAD)

cdef Op* shl32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 4, DEAD)

cdef Op* shr8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 1, DEAD)

cdef Op* shr16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 2, DEAD)

cdef Op* shr32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 4, DEAD)

cdef Op* setmo8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 1, DEAD)

cdef Op* setmo16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 2, DEAD)

cdef Op* setmo32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 4, DEAD)

cdef Op* sar8_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 1, DEAD)

cdef Op* sar16_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 2, DEAD)

cdef Op* sar32_ri_dead(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 4, DEAD)

cdef Op* rol8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, ROL, 1)

cdef Op* rol16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, ROL, 2)

cdef Op* rol32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, ROL, 4)

cdef Op* ror8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, ROR, 1)

cdef Op* ror16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, ROR, 2)

cdef Op* ror32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, ROR, 4)

cdef Op* rcl8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, RCL, 1)

cdef Op* rcl16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, RCL, 2)

cdef Op* rcl32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, RCL, 4)

cdef Op* rcr8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, RCR, 1)

cdef Op* rcr16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, RCR, 2)

cdef Op* rcr32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, RCR, 4)

cdef Op* shl8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SHL, 1)

cdef Op* shl16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SHL, 2)

cdef Op* shl32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SHL, 4)

cdef Op* shr8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SHR, 1)

cdef Op* shr16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SHR, 2)

cdef Op* shr32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SHR, 4)

cdef Op* setmo8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SETMO, 1)

cdef Op* setmo16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SETMO, 2)

cdef Op* setmo32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SETMO, 4)

cdef Op* sar8_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SAR, 1)

cdef Op* sar16_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SAR, 2)

cdef Op* sar32_rc(CPU* c, Op* o) noexcept nogil:
    return shift_rc(c, o, SAR, 4)

cdef Op* add8_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 1, 0)

cdef Op* add8_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 1, 1)

cdef Op* add8_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 2, 0)

cdef Op* add8_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 2, 1)

cdef Op* add8_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 3, 0)

cdef Op* add8_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 3, 1)

cdef Op* add8_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 4, 0)

cdef Op* add8_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 4, 1)

cdef Op* add8_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 6, 0)

cdef Op* add8_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 6, 1)

cdef Op* add8_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 7, 0)

cdef Op* add8_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 1, 7, 1)

cdef Op* add16_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 1, 0)

cdef Op* add16_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 1, 1)

cdef Op* add16_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 2, 0)

cdef Op* add16_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 2, 1)

cdef Op* add16_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 3, 0)

cdef Op* add16_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 3, 1)

cdef Op* add16_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 4, 0)

cdef Op* add16_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 4, 1)

cdef Op* add16_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 6, 0)

cdef Op* add16_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 6, 1)

cdef Op* add16_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 7, 0)

cdef Op* add16_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 2, 7, 1)

cdef Op* add32_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 1, 0)

cdef Op* add32_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 1, 1)

cdef Op* add32_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 2, 0)

cdef Op* add32_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 2, 1)

cdef Op* add32_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 3, 0)

cdef Op* add32_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 3, 1)

cdef Op* add32_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 4, 0)

cdef Op* add32_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 4, 1)

cdef Op* add32_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 6, 0)

cdef Op* add32_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 6, 1)

cdef Op* add32_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 7, 0)

cdef Op* add32_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, ADD, 4, 7, 1)

cdef Op* sub8_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 1, 0)

cdef Op* sub8_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 1, 1)

cdef Op* sub8_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 2, 0)

cdef Op* sub8_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 2, 1)

cdef Op* sub8_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 3, 0)

cdef Op* sub8_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 3, 1)

cdef Op* sub8_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 4, 0)

cdef Op* sub8_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 4, 1)

cdef Op* sub8_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 6, 0)

cdef Op* sub8_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 6, 1)

cdef Op* sub8_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 7, 0)

cdef Op* sub8_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 1, 7, 1)

cdef Op* sub16_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 1, 0)

cdef Op* sub16_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 1, 1)

cdef Op* sub16_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 2, 0)

cdef Op* sub16_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 2, 1)

cdef Op* sub16_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 3, 0)

cdef Op* sub16_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 3, 1)

cdef Op* sub16_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 4, 0)

cdef Op* sub16_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 4, 1)

cdef Op* sub16_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 6, 0)

cdef Op* sub16_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 6, 1)

cdef Op* sub16_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 7, 0)

cdef Op* sub16_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 2, 7, 1)

cdef Op* sub32_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 1, 0)

cdef Op* sub32_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 1, 1)

cdef Op* sub32_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 2, 0)

cdef Op* sub32_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 2, 1)

cdef Op* sub32_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 3, 0)

cdef Op* sub32_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 3, 1)

cdef Op* sub32_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 4, 0)

cdef Op* sub32_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 4, 1)

cdef Op* sub32_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 6, 0)

cdef Op* sub32_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 6, 1)

cdef Op* sub32_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 7, 0)

cdef Op* sub32_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, SUB, 4, 7, 1)

cdef Op* or8_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 1, 0)

cdef Op* or8_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 1, 1)

cdef Op* or8_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 2, 0)

cdef Op* or8_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 2, 1)

cdef Op* or8_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 3, 0)

cdef Op* or8_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 3, 1)

cdef Op* or8_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 4, 0)

cdef Op* or8_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 4, 1)

cdef Op* or8_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 6, 0)

cdef Op* or8_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 6, 1)

cdef Op* or8_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 7, 0)

cdef Op* or8_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 1, 7, 1)

cdef Op* or16_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 1, 0)

cdef Op* or16_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 1, 1)

cdef Op* or16_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 2, 0)

cdef Op* or16_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 2, 1)

cdef Op* or16_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 3, 0)

cdef Op* or16_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 3, 1)

cdef Op* or16_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 4, 0)

cdef Op* or16_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 4, 1)

cdef Op* or16_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 6, 0)

cdef Op* or16_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 6, 1)

cdef Op* or16_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 7, 0)

cdef Op* or16_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 2, 7, 1)

cdef Op* or32_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 1, 0)

cdef Op* or32_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 1, 1)

cdef Op* or32_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 2, 0)

cdef Op* or32_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 2, 1)

cdef Op* or32_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 3, 0)

cdef Op* or32_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 3, 1)

cdef Op* or32_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 4, 0)

cdef Op* or32_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 4, 1)

cdef Op* or32_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 6, 0)

cdef Op* or32_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 6, 1)

cdef Op* or32_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 7, 0)

cdef Op* or32_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, OR, 4, 7, 1)

cdef Op* cmp8_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 1, 0)

cdef Op* cmp8_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 1, 1)

cdef Op* cmp8_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 2, 0)

cdef Op* cmp8_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 2, 1)

cdef Op* cmp8_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 3, 0)

cdef Op* cmp8_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 3, 1)

cdef Op* cmp8_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 4, 0)

cdef Op* cmp8_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 4, 1)

cdef Op* cmp8_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 6, 0)

cdef Op* cmp8_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 6, 1)

cdef Op* cmp8_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 7, 0)

cdef Op* cmp8_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 1, 7, 1)

cdef Op* cmp16_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 1, 0)

cdef Op* cmp16_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 1, 1)

cdef Op* cmp16_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 2, 0)

cdef Op* cmp16_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 2, 1)

cdef Op* cmp16_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 3, 0)

cdef Op* cmp16_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 3, 1)

cdef Op* cmp16_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 4, 0)

cdef Op* cmp16_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 4, 1)

cdef Op* cmp16_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 6, 0)

cdef Op* cmp16_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 6, 1)

cdef Op* cmp16_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 7, 0)

cdef Op* cmp16_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 2, 7, 1)

cdef Op* cmp32_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 1, 0)

cdef Op* cmp32_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 1, 1)

cdef Op* cmp32_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 2, 0)

cdef Op* cmp32_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 2, 1)

cdef Op* cmp32_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 3, 0)

cdef Op* cmp32_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 3, 1)

cdef Op* cmp32_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 4, 0)

cdef Op* cmp32_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 4, 1)

cdef Op* cmp32_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 6, 0)

cdef Op* cmp32_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 6, 1)

cdef Op* cmp32_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 7, 0)

cdef Op* cmp32_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, CMP, 4, 7, 1)

cdef Op* test8_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 1, 0)

cdef Op* test8_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 1, 1)

cdef Op* test8_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 2, 0)

cdef Op* test8_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 2, 1)

cdef Op* test8_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 3, 0)

cdef Op* test8_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 3, 1)

cdef Op* test8_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 4, 0)

cdef Op* test8_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 4, 1)

cdef Op* test8_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 6, 0)

cdef Op* test8_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 6, 1)

cdef Op* test8_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 7, 0)

cdef Op* test8_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 1, 7, 1)

cdef Op* test16_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 1, 0)

cdef Op* test16_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 1, 1)

cdef Op* test16_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 2, 0)

cdef Op* test16_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 2, 1)

cdef Op* test16_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 3, 0)

cdef Op* test16_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 3, 1)

cdef Op* test16_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 4, 0)

cdef Op* test16_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 4, 1)

cdef Op* test16_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 6, 0)

cdef Op* test16_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 6, 1)

cdef Op* test16_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 7, 0)

cdef Op* test16_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 2, 7, 1)

cdef Op* test32_rr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 1, 0)

cdef Op* test32_rr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 1, 1)

cdef Op* test32_rr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 2, 0)

cdef Op* test32_rr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 2, 1)

cdef Op* test32_rr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 3, 0)

cdef Op* test32_rr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 3, 1)

cdef Op* test32_rr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 4, 0)

cdef Op* test32_rr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 4, 1)

cdef Op* test32_rr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 6, 0)

cdef Op* test32_rr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 6, 1)

cdef Op* test32_rr_je(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 7, 0)

cdef Op* test32_rr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rr_jcc(c, o, TEST, 4, 7, 1)

cdef Op* cmp8_ri_j2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 1, 0)

cdef Op* cmp8_ri_j3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 1, 1)

cdef Op* cmp8_ri_j4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 2, 0)

cdef Op* cmp8_ri_j5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 2, 1)

cdef Op* cmp8_ri_j6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 3, 0)

cdef Op* cmp8_ri_j7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 3, 1)

cdef Op* cmp8_ri_j8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 4, 0)

cdef Op* cmp8_ri_j9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 4, 1)

cdef Op* cmp8_ri_jc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 6, 0)

cdef Op* cmp8_ri_jd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 6, 1)

cdef Op* cmp8_ri_je(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 7, 0)

cdef Op* cmp8_ri_jf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 1, 7, 1)

cdef Op* cmp16_ri_j2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 1, 0)

cdef Op* cmp16_ri_j3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 1, 1)

cdef Op* cmp16_ri_j4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 2, 0)

cdef Op* cmp16_ri_j5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 2, 1)

cdef Op* cmp16_ri_j6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 3, 0)

cdef Op* cmp16_ri_j7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 3, 1)

cdef Op* cmp16_ri_j8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 4, 0)

cdef Op* cmp16_ri_j9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 4, 1)

cdef Op* cmp16_ri_jc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 6, 0)

cdef Op* cmp16_ri_jd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 6, 1)

cdef Op* cmp16_ri_je(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 7, 0)

cdef Op* cmp16_ri_jf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 2, 7, 1)

cdef Op* cmp32_ri_j2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 1, 0)

cdef Op* cmp32_ri_j3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 1, 1)

cdef Op* cmp32_ri_j4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 2, 0)

cdef Op* cmp32_ri_j5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 2, 1)

cdef Op* cmp32_ri_j6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 3, 0)

cdef Op* cmp32_ri_j7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 3, 1)

cdef Op* cmp32_ri_j8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 4, 0)

cdef Op* cmp32_ri_j9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 4, 1)

cdef Op* cmp32_ri_jc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 6, 0)

cdef Op* cmp32_ri_jd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 6, 1)

cdef Op* cmp32_ri_je(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 7, 0)

cdef Op* cmp32_ri_jf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, CMP, 4, 7, 1)

cdef Op* test8_ri_j2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 1, 0)

cdef Op* test8_ri_j3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 1, 1)

cdef Op* test8_ri_j4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 2, 0)

cdef Op* test8_ri_j5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 2, 1)

cdef Op* test8_ri_j6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 3, 0)

cdef Op* test8_ri_j7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 3, 1)

cdef Op* test8_ri_j8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 4, 0)

cdef Op* test8_ri_j9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 4, 1)

cdef Op* test8_ri_jc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 6, 0)

cdef Op* test8_ri_jd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 6, 1)

cdef Op* test8_ri_je(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 7, 0)

cdef Op* test8_ri_jf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 1, 7, 1)

cdef Op* test16_ri_j2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 1, 0)

cdef Op* test16_ri_j3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 1, 1)

cdef Op* test16_ri_j4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 2, 0)

cdef Op* test16_ri_j5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 2, 1)

cdef Op* test16_ri_j6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 3, 0)

cdef Op* test16_ri_j7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 3, 1)

cdef Op* test16_ri_j8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 4, 0)

cdef Op* test16_ri_j9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 4, 1)

cdef Op* test16_ri_jc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 6, 0)

cdef Op* test16_ri_jd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 6, 1)

cdef Op* test16_ri_je(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 7, 0)

cdef Op* test16_ri_jf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 2, 7, 1)

cdef Op* test32_ri_j2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 1, 0)

cdef Op* test32_ri_j3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 1, 1)

cdef Op* test32_ri_j4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 2, 0)

cdef Op* test32_ri_j5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 2, 1)

cdef Op* test32_ri_j6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 3, 0)

cdef Op* test32_ri_j7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 3, 1)

cdef Op* test32_ri_j8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 4, 0)

cdef Op* test32_ri_j9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 4, 1)

cdef Op* test32_ri_jc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 6, 0)

cdef Op* test32_ri_jd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 6, 1)

cdef Op* test32_ri_je(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 7, 0)

cdef Op* test32_ri_jf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_jcc(c, o, TEST, 4, 7, 1)

cdef Op* cmp8_rm_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 1, 0)

cdef Op* cmp8_rm_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 1, 1)

cdef Op* cmp8_rm_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 2, 0)

cdef Op* cmp8_rm_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 2, 1)

cdef Op* cmp8_rm_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 3, 0)

cdef Op* cmp8_rm_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 3, 1)

cdef Op* cmp8_rm_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 4, 0)

cdef Op* cmp8_rm_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 4, 1)

cdef Op* cmp8_rm_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 6, 0)

cdef Op* cmp8_rm_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 6, 1)

cdef Op* cmp8_rm_je(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 7, 0)

cdef Op* cmp8_rm_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 1, 7, 1)

cdef Op* cmp16_rm_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 1, 0)

cdef Op* cmp16_rm_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 1, 1)

cdef Op* cmp16_rm_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 2, 0)

cdef Op* cmp16_rm_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 2, 1)

cdef Op* cmp16_rm_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 3, 0)

cdef Op* cmp16_rm_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 3, 1)

cdef Op* cmp16_rm_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 4, 0)

cdef Op* cmp16_rm_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 4, 1)

cdef Op* cmp16_rm_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 6, 0)

cdef Op* cmp16_rm_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 6, 1)

cdef Op* cmp16_rm_je(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 7, 0)

cdef Op* cmp16_rm_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 2, 7, 1)

cdef Op* cmp32_rm_j2(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 1, 0)

cdef Op* cmp32_rm_j3(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 1, 1)

cdef Op* cmp32_rm_j4(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 2, 0)

cdef Op* cmp32_rm_j5(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 2, 1)

cdef Op* cmp32_rm_j6(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 3, 0)

cdef Op* cmp32_rm_j7(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 3, 1)

cdef Op* cmp32_rm_j8(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 4, 0)

cdef Op* cmp32_rm_j9(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 4, 1)

cdef Op* cmp32_rm_jc(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 6, 0)

cdef Op* cmp32_rm_jd(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 6, 1)

cdef Op* cmp32_rm_je(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 7, 0)

cdef Op* cmp32_rm_jf(CPU* c, Op* o) noexcept nogil:
    return alu_rm_jcc(c, o, CMP, 4, 7, 1)

cdef Op* cmp8_mr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 1, 0)

cdef Op* cmp8_mr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 1, 1)

cdef Op* cmp8_mr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 2, 0)

cdef Op* cmp8_mr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 2, 1)

cdef Op* cmp8_mr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 3, 0)

cdef Op* cmp8_mr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 3, 1)

cdef Op* cmp8_mr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 4, 0)

cdef Op* cmp8_mr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 4, 1)

cdef Op* cmp8_mr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 6, 0)

cdef Op* cmp8_mr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 6, 1)

cdef Op* cmp8_mr_je(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 7, 0)

cdef Op* cmp8_mr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 1, 7, 1)

cdef Op* cmp16_mr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 1, 0)

cdef Op* cmp16_mr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 1, 1)

cdef Op* cmp16_mr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 2, 0)

cdef Op* cmp16_mr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 2, 1)

cdef Op* cmp16_mr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 3, 0)

cdef Op* cmp16_mr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 3, 1)

cdef Op* cmp16_mr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 4, 0)

cdef Op* cmp16_mr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 4, 1)

cdef Op* cmp16_mr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 6, 0)

cdef Op* cmp16_mr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 6, 1)

cdef Op* cmp16_mr_je(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 7, 0)

cdef Op* cmp16_mr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 2, 7, 1)

cdef Op* cmp32_mr_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 1, 0)

cdef Op* cmp32_mr_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 1, 1)

cdef Op* cmp32_mr_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 2, 0)

cdef Op* cmp32_mr_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 2, 1)

cdef Op* cmp32_mr_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 3, 0)

cdef Op* cmp32_mr_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 3, 1)

cdef Op* cmp32_mr_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 4, 0)

cdef Op* cmp32_mr_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 4, 1)

cdef Op* cmp32_mr_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 6, 0)

cdef Op* cmp32_mr_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 6, 1)

cdef Op* cmp32_mr_je(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 7, 0)

cdef Op* cmp32_mr_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mr_jcc(c, o, CMP, 4, 7, 1)

cdef Op* cmp8_mi_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 1, 0)

cdef Op* cmp8_mi_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 1, 1)

cdef Op* cmp8_mi_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 2, 0)

cdef Op* cmp8_mi_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 2, 1)

cdef Op* cmp8_mi_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 3, 0)

cdef Op* cmp8_mi_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 3, 1)

cdef Op* cmp8_mi_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 4, 0)

cdef Op* cmp8_mi_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 4, 1)

cdef Op* cmp8_mi_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 6, 0)

cdef Op* cmp8_mi_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 6, 1)

cdef Op* cmp8_mi_je(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 7, 0)

cdef Op* cmp8_mi_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 1, 7, 1)

cdef Op* cmp16_mi_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 1, 0)

cdef Op* cmp16_mi_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 1, 1)

cdef Op* cmp16_mi_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 2, 0)

cdef Op* cmp16_mi_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 2, 1)

cdef Op* cmp16_mi_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 3, 0)

cdef Op* cmp16_mi_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 3, 1)

cdef Op* cmp16_mi_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 4, 0)

cdef Op* cmp16_mi_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 4, 1)

cdef Op* cmp16_mi_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 6, 0)

cdef Op* cmp16_mi_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 6, 1)

cdef Op* cmp16_mi_je(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 7, 0)

cdef Op* cmp16_mi_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 2, 7, 1)

cdef Op* cmp32_mi_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 1, 0)

cdef Op* cmp32_mi_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 1, 1)

cdef Op* cmp32_mi_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 2, 0)

cdef Op* cmp32_mi_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 2, 1)

cdef Op* cmp32_mi_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 3, 0)

cdef Op* cmp32_mi_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 3, 1)

cdef Op* cmp32_mi_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 4, 0)

cdef Op* cmp32_mi_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 4, 1)

cdef Op* cmp32_mi_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 6, 0)

cdef Op* cmp32_mi_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 6, 1)

cdef Op* cmp32_mi_je(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 7, 0)

cdef Op* cmp32_mi_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, CMP, 4, 7, 1)

cdef Op* test8_mi_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 1, 0)

cdef Op* test8_mi_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 1, 1)

cdef Op* test8_mi_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 2, 0)

cdef Op* test8_mi_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 2, 1)

cdef Op* test8_mi_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 3, 0)

cdef Op* test8_mi_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 3, 1)

cdef Op* test8_mi_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 4, 0)

cdef Op* test8_mi_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 4, 1)

cdef Op* test8_mi_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 6, 0)

cdef Op* test8_mi_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 6, 1)

cdef Op* test8_mi_je(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 7, 0)

cdef Op* test8_mi_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 1, 7, 1)

cdef Op* test16_mi_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 1, 0)

cdef Op* test16_mi_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 1, 1)

cdef Op* test16_mi_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 2, 0)

cdef Op* test16_mi_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 2, 1)

cdef Op* test16_mi_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 3, 0)

cdef Op* test16_mi_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 3, 1)

cdef Op* test16_mi_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 4, 0)

cdef Op* test16_mi_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 4, 1)

cdef Op* test16_mi_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 6, 0)

cdef Op* test16_mi_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 6, 1)

cdef Op* test16_mi_je(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 7, 0)

cdef Op* test16_mi_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 2, 7, 1)

cdef Op* test32_mi_j2(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 1, 0)

cdef Op* test32_mi_j3(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 1, 1)

cdef Op* test32_mi_j4(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 2, 0)

cdef Op* test32_mi_j5(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 2, 1)

cdef Op* test32_mi_j6(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 3, 0)

cdef Op* test32_mi_j7(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 3, 1)

cdef Op* test32_mi_j8(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 4, 0)

cdef Op* test32_mi_j9(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 4, 1)

cdef Op* test32_mi_jc(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 6, 0)

cdef Op* test32_mi_jd(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 6, 1)

cdef Op* test32_mi_je(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 7, 0)

cdef Op* test32_mi_jf(CPU* c, Op* o) noexcept nogil:
    return alu_mi_jcc(c, o, TEST, 4, 7, 1)

cdef Op* dec8_r_j2(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 1, 0)

cdef Op* dec8_r_j3(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 1, 1)

cdef Op* dec8_r_j4(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 2, 0)

cdef Op* dec8_r_j5(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 2, 1)

cdef Op* dec8_r_j6(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 3, 0)

cdef Op* dec8_r_j7(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 3, 1)

cdef Op* dec8_r_j8(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 4, 0)

cdef Op* dec8_r_j9(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 4, 1)

cdef Op* dec8_r_jc(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 6, 0)

cdef Op* dec8_r_jd(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 6, 1)

cdef Op* dec8_r_je(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 7, 0)

cdef Op* dec8_r_jf(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 1, 7, 1)

cdef Op* dec16_r_j2(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 1, 0)

cdef Op* dec16_r_j3(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 1, 1)

cdef Op* dec16_r_j4(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 2, 0)

cdef Op* dec16_r_j5(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 2, 1)

cdef Op* dec16_r_j6(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 3, 0)

cdef Op* dec16_r_j7(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 3, 1)

cdef Op* dec16_r_j8(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 4, 0)

cdef Op* dec16_r_j9(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 4, 1)

cdef Op* dec16_r_jc(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 6, 0)

cdef Op* dec16_r_jd(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 6, 1)

cdef Op* dec16_r_je(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 7, 0)

cdef Op* dec16_r_jf(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 2, 7, 1)

cdef Op* dec32_r_j2(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 1, 0)

cdef Op* dec32_r_j3(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 1, 1)

cdef Op* dec32_r_j4(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 2, 0)

cdef Op* dec32_r_j5(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 2, 1)

cdef Op* dec32_r_j6(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 3, 0)

cdef Op* dec32_r_j7(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 3, 1)

cdef Op* dec32_r_j8(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 4, 0)

cdef Op* dec32_r_j9(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 4, 1)

cdef Op* dec32_r_jc(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 6, 0)

cdef Op* dec32_r_jd(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 6, 1)

cdef Op* dec32_r_je(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 7, 0)

cdef Op* dec32_r_jf(CPU* c, Op* o) noexcept nogil:
    return unary_r_jcc(c, o, DEC, 4, 7, 1)

cdef Op* cmp8_ri_p2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 1, 0)

cdef Op* cmp8_ri_p3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 1, 1)

cdef Op* cmp8_ri_p4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 2, 0)

cdef Op* cmp8_ri_p5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 2, 1)

cdef Op* cmp8_ri_p6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 3, 0)

cdef Op* cmp8_ri_p7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 3, 1)

cdef Op* cmp8_ri_p8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 4, 0)

cdef Op* cmp8_ri_p9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 4, 1)

cdef Op* cmp8_ri_pc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 6, 0)

cdef Op* cmp8_ri_pd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 6, 1)

cdef Op* cmp8_ri_pe(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 7, 0)

cdef Op* cmp8_ri_pf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 1, 7, 1)

cdef Op* cmp16_ri_p2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 1, 0)

cdef Op* cmp16_ri_p3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 1, 1)

cdef Op* cmp16_ri_p4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 2, 0)

cdef Op* cmp16_ri_p5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 2, 1)

cdef Op* cmp16_ri_p6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 3, 0)

cdef Op* cmp16_ri_p7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 3, 1)

cdef Op* cmp16_ri_p8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 4, 0)

cdef Op* cmp16_ri_p9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 4, 1)

cdef Op* cmp16_ri_pc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 6, 0)

cdef Op* cmp16_ri_pd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 6, 1)

cdef Op* cmp16_ri_pe(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 7, 0)

cdef Op* cmp16_ri_pf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 2, 7, 1)

cdef Op* cmp32_ri_p2(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 1, 0)

cdef Op* cmp32_ri_p3(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 1, 1)

cdef Op* cmp32_ri_p4(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 2, 0)

cdef Op* cmp32_ri_p5(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 2, 1)

cdef Op* cmp32_ri_p6(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 3, 0)

cdef Op* cmp32_ri_p7(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 3, 1)

cdef Op* cmp32_ri_p8(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 4, 0)

cdef Op* cmp32_ri_p9(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 4, 1)

cdef Op* cmp32_ri_pc(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 6, 0)

cdef Op* cmp32_ri_pd(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 6, 1)

cdef Op* cmp32_ri_pe(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 7, 0)

cdef Op* cmp32_ri_pf(CPU* c, Op* o) noexcept nogil:
    return alu_ri_predicate(c, o, CMP, 4, 7, 1)

cdef Op* push16_r_x2(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 2)

cdef Op* push16_r_x3(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 3)

cdef Op* push16_r_x4(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 4)

cdef Op* push16_r_x5(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 5)

cdef Op* push16_r_x6(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 6)

cdef Op* push16_r_x7(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 7)

cdef Op* push16_r_x8(CPU* c, Op* o) noexcept nogil:
    return push16_r_run(c, o, 8)

cdef Op* pop16_r_x2(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 2)

cdef Op* pop16_r_x3(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 3)

cdef Op* pop16_r_x4(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 4)

cdef Op* pop16_r_x5(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 5)

cdef Op* pop16_r_x6(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 6)

cdef Op* pop16_r_x7(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 7)

cdef Op* pop16_r_x8(CPU* c, Op* o) noexcept nogil:
    return pop16_r_run(c, o, 8)

cdef Op* mov_rr8(CPU* c, Op* o) noexcept nogil:
    return mov_rr(c, o, 1)

cdef Op* mov_rr16(CPU* c, Op* o) noexcept nogil:
    return mov_rr(c, o, 2)

cdef Op* mov_rr32(CPU* c, Op* o) noexcept nogil:
    return mov_rr(c, o, 4)

cdef Op* mov_ri8(CPU* c, Op* o) noexcept nogil:
    return mov_ri(c, o, 1)

cdef Op* mov_ri16(CPU* c, Op* o) noexcept nogil:
    return mov_ri(c, o, 2)

cdef Op* mov_ri32(CPU* c, Op* o) noexcept nogil:
    return mov_ri(c, o, 4)

cdef Op* xchg_rr8(CPU* c, Op* o) noexcept nogil:
    return xchg_rr(c, o, 1)

cdef Op* xchg_rr16(CPU* c, Op* o) noexcept nogil:
    return xchg_rr(c, o, 2)

cdef Op* xchg_rr32(CPU* c, Op* o) noexcept nogil:
    return xchg_rr(c, o, 4)

cdef Op* load_tmp8(CPU* c, Op* o) noexcept nogil:
    return load_tmp(c, o, 1)

cdef Op* load_tmp16(CPU* c, Op* o) noexcept nogil:
    return load_tmp(c, o, 2)

cdef Op* load_tmp32(CPU* c, Op* o) noexcept nogil:
    return load_tmp(c, o, 4)

cdef Op* store_tmp8(CPU* c, Op* o) noexcept nogil:
    return store_tmp(c, o, 1)

cdef Op* store_tmp16(CPU* c, Op* o) noexcept nogil:
    return store_tmp(c, o, 2)

cdef Op* store_tmp32(CPU* c, Op* o) noexcept nogil:
    return store_tmp(c, o, 4)

cdef Op* store_back8(CPU* c, Op* o) noexcept nogil:
    return store_back(c, o, 1)

cdef Op* store_back16(CPU* c, Op* o) noexcept nogil:
    return store_back(c, o, 2)

cdef Op* store_back32(CPU* c, Op* o) noexcept nogil:
    return store_back(c, o, 4)

cdef Op* lock_load8(CPU* c, Op* o) noexcept nogil:
    return lock_load(c, o, 1)

cdef Op* lock_load16(CPU* c, Op* o) noexcept nogil:
    return lock_load(c, o, 2)

cdef Op* lock_load32(CPU* c, Op* o) noexcept nogil:
    return lock_load(c, o, 4)

cdef Op* lock_store8(CPU* c, Op* o) noexcept nogil:
    return lock_store(c, o, 1)

cdef Op* lock_store16(CPU* c, Op* o) noexcept nogil:
    return lock_store(c, o, 2)

cdef Op* lock_store32(CPU* c, Op* o) noexcept nogil:
    return lock_store(c, o, 4)

cdef Op* cmpxchg8(CPU* c, Op* o) noexcept nogil:
    return cmpxchg(c, o, 1)

cdef Op* cmpxchg16(CPU* c, Op* o) noexcept nogil:
    return cmpxchg(c, o, 2)

cdef Op* cmpxchg32(CPU* c, Op* o) noexcept nogil:
    return cmpxchg(c, o, 4)

cdef Op* xadd8(CPU* c, Op* o) noexcept nogil:
    return xadd(c, o, 1)

cdef Op* xadd16(CPU* c, Op* o) noexcept nogil:
    return xadd(c, o, 2)

cdef Op* xadd32(CPU* c, Op* o) noexcept nogil:
    return xadd(c, o, 4)

cdef Op* fluid_imm8(CPU* c, Op* o) noexcept nogil:
    return fluid_imm(c, o, 1)

cdef Op* fluid_imm16(CPU* c, Op* o) noexcept nogil:
    return fluid_imm(c, o, 2)

cdef Op* fluid_imm32(CPU* c, Op* o) noexcept nogil:
    return fluid_imm(c, o, 4)

cdef Op* predicated_mov_rr8(CPU* c, Op* o) noexcept nogil:
    return predicated_mov_rr(c, o, 1)

cdef Op* predicated_mov_rr16(CPU* c, Op* o) noexcept nogil:
    return predicated_mov_rr(c, o, 2)

cdef Op* predicated_mov_rr32(CPU* c, Op* o) noexcept nogil:
    return predicated_mov_rr(c, o, 4)

cdef Op* predicated_mov_ri8(CPU* c, Op* o) noexcept nogil:
    return predicated_mov_ri(c, o, 1)

cdef Op* predicated_mov_ri16(CPU* c, Op* o) noexcept nogil:
    return predicated_mov_ri(c, o, 2)

cdef Op* predicated_mov_ri32(CPU* c, Op* o) noexcept nogil:
    return predicated_mov_ri(c, o, 4)

cdef Op* mov_rm8(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 1, 2)

cdef Op* mov_rm16(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 2, 2)

cdef Op* mov_rm32(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 4, 2)

cdef Op* mov_rm_a32_8(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 1, 4)

cdef Op* mov_rm_a32_16(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 2, 4)

cdef Op* mov_rm_a32_32(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 4, 4)

cdef Op* mov_mr8(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 1, 2)

cdef Op* mov_mr16(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 2, 2)

cdef Op* mov_mr32(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 4, 2)

cdef Op* mov_mr_a32_8(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 1, 4)

cdef Op* mov_mr_a32_16(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 2, 4)

cdef Op* mov_mr_a32_32(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 4, 4)

cdef Op* mov_mi8(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 1, 2)

cdef Op* mov_mi16(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 2, 2)

cdef Op* mov_mi32(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 4, 2)

cdef Op* mov_mi_a32_8(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 1, 4)

cdef Op* mov_mi_a32_16(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 2, 4)

cdef Op* mov_mi_a32_32(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 4, 4)

cdef Op* lea8(CPU* c, Op* o) noexcept nogil:
    return lea(c, o, 1, 2)

cdef Op* lea16(CPU* c, Op* o) noexcept nogil:
    return lea(c, o, 2, 2)

cdef Op* lea32(CPU* c, Op* o) noexcept nogil:
    return lea(c, o, 4, 2)

cdef Op* lea_a32_8(CPU* c, Op* o) noexcept nogil:
    return lea(c, o, 1, 4)

cdef Op* lea_a32_16(CPU* c, Op* o) noexcept nogil:
    return lea(c, o, 2, 4)

cdef Op* lea_a32_32(CPU* c, Op* o) noexcept nogil:
    return lea(c, o, 4, 4)

cdef Op* mul8_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_MUL, 1)

cdef Op* mul16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_MUL, 2)

cdef Op* mul32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_MUL, 4)

cdef Op* imul8_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL, 1)

cdef Op* imul16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL, 2)

cdef Op* imul32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL, 4)

cdef Op* div8_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_DIV, 1)

cdef Op* div16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_DIV, 2)

cdef Op* div32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_DIV, 4)

cdef Op* idiv8_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IDIV, 1)

cdef Op* idiv16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IDIV, 2)

cdef Op* idiv32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IDIV, 4)

cdef Op* imul_rr16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL_RR, 2)

cdef Op* imul_rr32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL_RR, 4)

cdef Op* imul_ri16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL_RI, 2)

cdef Op* imul_ri32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_IMUL_RI, 4)

cdef Op* push16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_PUSH, 2)

cdef Op* push32_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_PUSH, 4)

cdef Op* sreg16_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_SREG, 2)

cdef Op* zx168_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_ZX16, 1)

cdef Op* zx328_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_ZX32, 1)

cdef Op* zx3216_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_ZX32, 2)

cdef Op* sx168_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_SX16, 1)

cdef Op* sx328_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_SX32, 1)

cdef Op* sx3216_m(CPU* c, Op* o) noexcept nogil:
    return read_m(c, o, R_SX32, 2)

cdef Op* rol8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, ROL, 1)

cdef Op* rol16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, ROL, 2)

cdef Op* rol32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, ROL, 4)

cdef Op* ror8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, ROR, 1)

cdef Op* ror16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, ROR, 2)

cdef Op* ror32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, ROR, 4)

cdef Op* rcl8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, RCL, 1)

cdef Op* rcl16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, RCL, 2)

cdef Op* rcl32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, RCL, 4)

cdef Op* rcr8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, RCR, 1)

cdef Op* rcr16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, RCR, 2)

cdef Op* rcr32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, RCR, 4)

cdef Op* shl8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SHL, 1)

cdef Op* shl16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SHL, 2)

cdef Op* shl32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SHL, 4)

cdef Op* shr8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SHR, 1)

cdef Op* shr16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SHR, 2)

cdef Op* shr32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SHR, 4)

cdef Op* setmo8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SETMO, 1)

cdef Op* setmo16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SETMO, 2)

cdef Op* setmo32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SETMO, 4)

cdef Op* sar8_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SAR, 1)

cdef Op* sar16_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SAR, 2)

cdef Op* sar32_mi(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, SAR, 4)

cdef Op* rol8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + ROL, 1)

cdef Op* rol16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + ROL, 2)

cdef Op* rol32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + ROL, 4)

cdef Op* ror8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + ROR, 1)

cdef Op* ror16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + ROR, 2)

cdef Op* ror32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + ROR, 4)

cdef Op* rcl8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + RCL, 1)

cdef Op* rcl16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + RCL, 2)

cdef Op* rcl32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + RCL, 4)

cdef Op* rcr8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + RCR, 1)

cdef Op* rcr16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + RCR, 2)

cdef Op* rcr32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + RCR, 4)

cdef Op* shl8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SHL, 1)

cdef Op* shl16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SHL, 2)

cdef Op* shl32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SHL, 4)

cdef Op* shr8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SHR, 1)

cdef Op* shr16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SHR, 2)

cdef Op* shr32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SHR, 4)

cdef Op* setmo8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SETMO, 1)

cdef Op* setmo16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SETMO, 2)

cdef Op* setmo32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SETMO, 4)

cdef Op* sar8_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SAR, 1)

cdef Op* sar16_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SAR, 2)

cdef Op* sar32_mc(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BY_CL + SAR, 4)

cdef Op* xchg8_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_XCHG, 1)

cdef Op* xchg16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_XCHG, 2)

cdef Op* xchg32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_XCHG, 4)

cdef Op* xadd8_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_XADD, 1)

cdef Op* xadd16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_XADD, 2)

cdef Op* xadd32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_XADD, 4)

cdef Op* cmpxchg8_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_CMPXCHG, 1)

cdef Op* cmpxchg16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_CMPXCHG, 2)

cdef Op* cmpxchg32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_CMPXCHG, 4)

cdef Op* bts16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BTS, 2)

cdef Op* bts32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BTS, 4)

cdef Op* btr16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BTR, 2)

cdef Op* btr32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BTR, 4)

cdef Op* btc16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BTC, 2)

cdef Op* btc32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_BTC, 4)

cdef Op* shld16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHLD, 2)

cdef Op* shld32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHLD, 4)

cdef Op* shrd16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHRD, 2)

cdef Op* shrd32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHRD, 4)

cdef Op* shld_cl16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHLD_CL, 2)

cdef Op* shld_cl32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHLD_CL, 4)

cdef Op* shrd_cl16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHRD_CL, 2)

cdef Op* shrd_cl32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SHRD_CL, 4)

cdef Op* same8_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SAME, 1)

cdef Op* same16_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SAME, 2)

cdef Op* same32_m(CPU* c, Op* o) noexcept nogil:
    return modify_m(c, o, W_SAME, 4)

cdef Op* bt16_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BT, 2)

cdef Op* bt32_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BT, 4)

cdef Op* bts16_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BTS, 2)

cdef Op* bts32_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BTS, 4)

cdef Op* btr16_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BTR, 2)

cdef Op* btr32_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BTR, 4)

cdef Op* btc16_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BTC, 2)

cdef Op* btc32_mr(CPU* c, Op* o) noexcept nogil:
    return bit_m(c, o, BTC, 4)

cdef Op* movs8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 1, 2)

cdef Op* movs16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 2, 2)

cdef Op* movs32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 4, 2)

cdef Op* stos8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 1, 2)

cdef Op* stos16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 2, 2)

cdef Op* stos32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 4, 2)

cdef Op* lods8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 1, 2)

cdef Op* lods16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 2, 2)

cdef Op* lods32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 4, 2)

cdef Op* cmps8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 1, 2)

cdef Op* cmps16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 2, 2)

cdef Op* cmps32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 4, 2)

cdef Op* scas8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 1, 2)

cdef Op* scas16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 2, 2)

cdef Op* scas32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 4, 2)

cdef Op* ins8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 1, 2)

cdef Op* ins16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 2, 2)

cdef Op* ins32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 4, 2)

cdef Op* outs8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 1, 2)

cdef Op* outs16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 2, 2)

cdef Op* outs32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 4, 2)

cdef Op* movs8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 1, 4)

cdef Op* movs16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 2, 4)

cdef Op* movs32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 4, 4)

cdef Op* stos8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 1, 4)

cdef Op* stos16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 2, 4)

cdef Op* stos32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 4, 4)

cdef Op* lods8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 1, 4)

cdef Op* lods16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 2, 4)

cdef Op* lods32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 4, 4)

cdef Op* cmps8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 1, 4)

cdef Op* cmps16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 2, 4)

cdef Op* cmps32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 4, 4)

cdef Op* scas8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 1, 4)

cdef Op* scas16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 2, 4)

cdef Op* scas32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 4, 4)

cdef Op* ins8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 1, 4)

cdef Op* ins16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 2, 4)

cdef Op* ins32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 4, 4)

cdef Op* outs8_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 1, 4)

cdef Op* outs16_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 2, 4)

cdef Op* outs32_a32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 4, 4)

cdef Op* rep_movs8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_MOVS, 1)

cdef Op* rep_movs8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_MOVS, 1, rep_movs8_long)

cdef Op* rep_movs16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_MOVS, 2)

cdef Op* rep_movs16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_MOVS, 2, rep_movs16_long)

cdef Op* rep_movs32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_MOVS, 4)

cdef Op* rep_movs32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_MOVS, 4, rep_movs32_long)

cdef Op* rep_stos8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_STOS, 1)

cdef Op* rep_stos8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_STOS, 1, rep_stos8_long)

cdef Op* rep_stos16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_STOS, 2)

cdef Op* rep_stos16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_STOS, 2, rep_stos16_long)

cdef Op* rep_stos32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_STOS, 4)

cdef Op* rep_stos32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_STOS, 4, rep_stos32_long)

cdef Op* rep_lods8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_LODS, 1)

cdef Op* rep_lods8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_LODS, 1, rep_lods8_long)

cdef Op* rep_lods16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_LODS, 2)

cdef Op* rep_lods16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_LODS, 2, rep_lods16_long)

cdef Op* rep_lods32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_LODS, 4)

cdef Op* rep_lods32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_LODS, 4, rep_lods32_long)

cdef Op* rep_cmps8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_CMPS, 1)

cdef Op* rep_cmps8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_CMPS, 1, rep_cmps8_long)

cdef Op* rep_cmps16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_CMPS, 2)

cdef Op* rep_cmps16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_CMPS, 2, rep_cmps16_long)

cdef Op* rep_cmps32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_CMPS, 4)

cdef Op* rep_cmps32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_CMPS, 4, rep_cmps32_long)

cdef Op* rep_scas8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_SCAS, 1)

cdef Op* rep_scas8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_SCAS, 1, rep_scas8_long)

cdef Op* rep_scas16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_SCAS, 2)

cdef Op* rep_scas16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_SCAS, 2, rep_scas16_long)

cdef Op* rep_scas32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_SCAS, 4)

cdef Op* rep_scas32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_SCAS, 4, rep_scas32_long)

cdef Op* rep_ins8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_INS, 1)

cdef Op* rep_ins8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_INS, 1, rep_ins8_long)

cdef Op* rep_ins16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_INS, 2)

cdef Op* rep_ins16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_INS, 2, rep_ins16_long)

cdef Op* rep_ins32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_INS, 4)

cdef Op* rep_ins32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_INS, 4, rep_ins32_long)

cdef Op* rep_outs8_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_OUTS, 1)

cdef Op* rep_outs8(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_OUTS, 1, rep_outs8_long)

cdef Op* rep_outs16_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_OUTS, 2)

cdef Op* rep_outs16(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_OUTS, 2, rep_outs16_long)

cdef Op* rep_outs32_long(CPU* c, Op* o) noexcept nogil:
    return repeat_long(c, o, S_OUTS, 4)

cdef Op* rep_outs32(CPU* c, Op* o) noexcept nogil:
    return repeat(c, o, S_OUTS, 4, rep_outs32_long)

cdef Op* jcc_0(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 0, 0)

cdef Op* jcc_1(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 0, 1)

cdef Op* jcc_2(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 1, 0)

cdef Op* jcc_3(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 1, 1)

cdef Op* jcc_4(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 2, 0)

cdef Op* jcc_5(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 2, 1)

cdef Op* jcc_6(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 3, 0)

cdef Op* jcc_7(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 3, 1)

cdef Op* jcc_8(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 4, 0)

cdef Op* jcc_9(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 4, 1)

cdef Op* jcc_a(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 5, 0)

cdef Op* jcc_b(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 5, 1)

cdef Op* jcc_c(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 6, 0)

cdef Op* jcc_d(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 6, 1)

cdef Op* jcc_e(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 7, 0)

cdef Op* jcc_f(CPU* c, Op* o) noexcept nogil:
    return jcc(c, o, 7, 1)

cdef Op* predicate_0(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 0, 0)

cdef Op* predicate_1(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 0, 1)

cdef Op* predicate_2(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 1, 0)

cdef Op* predicate_3(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 1, 1)

cdef Op* predicate_4(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 2, 0)

cdef Op* predicate_5(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 2, 1)

cdef Op* predicate_6(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 3, 0)

cdef Op* predicate_7(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 3, 1)

cdef Op* predicate_8(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 4, 0)

cdef Op* predicate_9(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 4, 1)

cdef Op* predicate_a(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 5, 0)

cdef Op* predicate_b(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 5, 1)

cdef Op* predicate_c(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 6, 0)

cdef Op* predicate_d(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 6, 1)

cdef Op* predicate_e(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 7, 0)

cdef Op* predicate_f(CPU* c, Op* o) noexcept nogil:
    return predicate(c, o, 7, 1)


cdef Fn ALU_RR[9][3]
cdef Fn ALU_RR_DEAD[9][3]
cdef Fn ALU_RI[9][3]
cdef Fn ALU_RI_DEAD[9][3]
cdef Fn ALU_RM[9][3]
cdef Fn ALU_RM_A32[9][3]
cdef Fn ALU_RM_DEAD[9][3]
cdef Fn ALU_RM_DEAD_A32[9][3]
cdef Fn ALU_MR[9][3]
cdef Fn ALU_MR_A32[9][3]
cdef Fn ALU_MI[9][3]
cdef Fn ALU_MI_A32[9][3]
cdef Fn UNARY_R[4][3]
cdef Fn UNARY_R_DEAD[4][3]
cdef Fn PREDICATED_ALU_RR[9][3]
cdef Fn PREDICATED_ALU_RR_DEAD[9][3]
cdef Fn PREDICATED_ALU_RI[9][3]
cdef Fn PREDICATED_ALU_RI_DEAD[9][3]
cdef Fn PREDICATED_UNARY_R[4][3]
cdef Fn PREDICATED_UNARY_R_DEAD[4][3]
cdef Fn UNARY_M[4][3]
cdef Fn UNARY_M_A32[4][3]
cdef Fn SHIFT_RI[8][3]
cdef Fn SHIFT_RI_DEAD[8][3]
cdef Fn SHIFT_RC[8][3]
cdef Fn MOV_RR[1][3]
cdef Fn MOV_RI[1][3]
cdef Fn XCHG_RR[1][3]
cdef Fn LOAD_TMP[1][3]
cdef Fn STORE_TMP[1][3]
cdef Fn STORE_BACK[1][3]
cdef Fn LOCK_LOAD[1][3]
cdef Fn LOCK_STORE[1][3]
cdef Fn CMPXCHG[1][3]
cdef Fn XADD[1][3]
cdef Fn FLUID_IMM[1][3]
cdef Fn PREDICATED_MOV_RR[1][3]
cdef Fn PREDICATED_MOV_RI[1][3]
cdef Fn MOV_RM[1][3]
cdef Fn MOV_RM_A32[1][3]
cdef Fn MOV_MR[1][3]
cdef Fn MOV_MR_A32[1][3]
cdef Fn MOV_MI[1][3]
cdef Fn MOV_MI_A32[1][3]
cdef Fn LEA[1][3]
cdef Fn LEA_A32[1][3]
cdef Fn READ_M[12][3]
cdef Fn MODIFY_M[27][3]
cdef Fn BIT_M[4][3]
cdef Fn STRING[7][3]
cdef Fn STRING_A32[7][3]
cdef Fn REPEAT[7][3]
cdef Fn JCC[1][16]
cdef Fn PREDICATE[1][16]


cdef void fill_grid() noexcept nogil:
    ALU_RR[0][0] = add8_rr
    ALU_RR[0][1] = add16_rr
    ALU_RR[0][2] = add32_rr
    ALU_RR[1][0] = or8_rr
    ALU_RR[1][1] = or16_rr
    ALU_RR[1][2] = or32_rr
    ALU_RR[2][0] = adc8_rr
    ALU_RR[2][1] = adc16_rr
    ALU_RR[2][2] = adc32_rr
    ALU_RR[3][0] = sbb8_rr
    ALU_RR[3][1] = sbb16_rr
    ALU_RR[3][2] = sbb32_rr
    ALU_RR[4][0] = and8_rr
    ALU_RR[4][1] = and16_rr
    ALU_RR[4][2] = and32_rr
    ALU_RR[5][0] = sub8_rr
    ALU_RR[5][1] = sub16_rr
    ALU_RR[5][2] = sub32_rr
    ALU_RR[6][0] = xor8_rr
    ALU_RR[6][1] = xor16_rr
    ALU_RR[6][2] = xor32_rr
    ALU_RR[7][0] = cmp8_rr
    ALU_RR[7][1] = cmp16_rr
    ALU_RR[7][2] = cmp32_rr
    ALU_RR[8][0] = test8_rr
    ALU_RR[8][1] = test16_rr
    ALU_RR[8][2] = test32_rr
    ALU_RR_DEAD[0][0] = add8_rr_dead
    ALU_RR_DEAD[0][1] = add16_rr_dead
    ALU_RR_DEAD[0][2] = add32_rr_dead
    ALU_RR_DEAD[1][0] = or8_rr_dead
    ALU_RR_DEAD[1][1] = or16_rr_dead
    ALU_RR_DEAD[1][2] = or32_rr_dead
    ALU_RR_DEAD[2][0] = adc8_rr_dead
    ALU_RR_DEAD[2][1] = adc16_rr_dead
    ALU_RR_DEAD[2][2] = adc32_rr_dead
    ALU_RR_DEAD[3][0] = sbb8_rr_dead
    ALU_RR_DEAD[3][1] = sbb16_rr_dead
    ALU_RR_DEAD[3][2] = sbb32_rr_dead
    ALU_RR_DEAD[4][0] = and8_rr_dead
    ALU_RR_DEAD[4][1] = and16_rr_dead
    ALU_RR_DEAD[4][2] = and32_rr_dead
    ALU_RR_DEAD[5][0] = sub8_rr_dead
    ALU_RR_DEAD[5][1] = sub16_rr_dead
    ALU_RR_DEAD[5][2] = sub32_rr_dead
    ALU_RR_DEAD[6][0] = xor8_rr_dead
    ALU_RR_DEAD[6][1] = xor16_rr_dead
    ALU_RR_DEAD[6][2] = xor32_rr_dead
    ALU_RR_DEAD[7][0] = cmp8_rr_dead
    ALU_RR_DEAD[7][1] = cmp16_rr_dead
    ALU_RR_DEAD[7][2] = cmp32_rr_dead
    ALU_RR_DEAD[8][0] = test8_rr_dead
    ALU_RR_DEAD[8][1] = test16_rr_dead
    ALU_RR_DEAD[8][2] = test32_rr_dead
    ALU_RI[0][0] = add8_ri
    ALU_RI[0][1] = add16_ri
    ALU_RI[0][2] = add32_ri
    ALU_RI[1][0] = or8_ri
    ALU_RI[1][1] = or16_ri
    ALU_RI[1][2] = or32_ri
    ALU_RI[2][0] = adc8_ri
    ALU_RI[2][1] = adc16_ri
    ALU_RI[2][2] = adc32_ri
    ALU_RI[3][0] = sbb8_ri
    ALU_RI[3][1] = sbb16_ri
    ALU_RI[3][2] = sbb32_ri
    ALU_RI[4][0] = and8_ri
    ALU_RI[4][1] = and16_ri
    ALU_RI[4][2] = and32_ri
    ALU_RI[5][0] = sub8_ri
    ALU_RI[5][1] = sub16_ri
    ALU_RI[5][2] = sub32_ri
    ALU_RI[6][0] = xor8_ri
    ALU_RI[6][1] = xor16_ri
    ALU_RI[6][2] = xor32_ri
    ALU_RI[7][0] = cmp8_ri
    ALU_RI[7][1] = cmp16_ri
    ALU_RI[7][2] = cmp32_ri
    ALU_RI[8][0] = test8_ri
    ALU_RI[8][1] = test16_ri
    ALU_RI[8][2] = test32_ri
    ALU_RI_DEAD[0][0] = add8_ri_dead
    ALU_RI_DEAD[0][1] = add16_ri_dead
    ALU_RI_DEAD[0][2] = add32_ri_dead
    ALU_RI_DEAD[1][0] = or8_ri_dead
    ALU_RI_DEAD[1][1] = or16_ri_dead
    ALU_RI_DEAD[1][2] = or32_ri_dead
    ALU_RI_DEAD[2][0] = adc8_ri_dead
    ALU_RI_DEAD[2][1] = adc16_ri_dead
    ALU_RI_DEAD[2][2] = adc32_ri_dead
    ALU_RI_DEAD[3][0] = sbb8_ri_dead
    ALU_RI_DEAD[3][1] = sbb16_ri_dead
    ALU_RI_DEAD[3][2] = sbb32_ri_dead
    ALU_RI_DEAD[4][0] = and8_ri_dead
    ALU_RI_DEAD[4][1] = and16_ri_dead
    ALU_RI_DEAD[4][2] = and32_ri_dead
    ALU_RI_DEAD[5][0] = sub8_ri_dead
    ALU_RI_DEAD[5][1] = sub16_ri_dead
    ALU_RI_DEAD[5][2] = sub32_ri_dead
    ALU_RI_DEAD[6][0] = xor8_ri_dead
    ALU_RI_DEAD[6][1] = xor16_ri_dead
    ALU_RI_DEAD[6][2] = xor32_ri_dead
    ALU_RI_DEAD[7][0] = cmp8_ri_dead
    ALU_RI_DEAD[7][1] = cmp16_ri_dead
    ALU_RI_DEAD[7][2] = cmp32_ri_dead
    ALU_RI_DEAD[8][0] = test8_ri_dead
    ALU_RI_DEAD[8][1] = test16_ri_dead
    ALU_RI_DEAD[8][2] = test32_ri_dead
    ALU_RM[0][0] = add8_rm
    ALU_RM[0][1] = add16_rm
    ALU_RM[0][2] = add32_rm
    ALU_RM[1][0] = or8_rm
    ALU_RM[1][1] = or16_rm
    ALU_RM[1][2] = or32_rm
    ALU_RM[2][0] = adc8_rm
    ALU_RM[2][1] = adc16_rm
    ALU_RM[2][2] = adc32_rm
    ALU_RM[3][0] = sbb8_rm
    ALU_RM[3][1] = sbb16_rm
    ALU_RM[3][2] = sbb32_rm
    ALU_RM[4][0] = and8_rm
    ALU_RM[4][1] = and16_rm
    ALU_RM[4][2] = and32_rm
    ALU_RM[5][0] = sub8_rm
    ALU_RM[5][1] = sub16_rm
    ALU_RM[5][2] = sub32_rm
    ALU_RM[6][0] = xor8_rm
    ALU_RM[6][1] = xor16_rm
    ALU_RM[6][2] = xor32_rm
    ALU_RM[7][0] = cmp8_rm
    ALU_RM[7][1] = cmp16_rm
    ALU_RM[7][2] = cmp32_rm
    ALU_RM[8][0] = test8_rm
    ALU_RM[8][1] = test16_rm
    ALU_RM[8][2] = test32_rm
    ALU_RM_A32[0][0] = add8_rm_a32
    ALU_RM_A32[0][1] = add16_rm_a32
    ALU_RM_A32[0][2] = add32_rm_a32
    ALU_RM_A32[1][0] = or8_rm_a32
    ALU_RM_A32[1][1] = or16_rm_a32
    ALU_RM_A32[1][2] = or32_rm_a32
    ALU_RM_A32[2][0] = adc8_rm_a32
    ALU_RM_A32[2][1] = adc16_rm_a32
    ALU_RM_A32[2][2] = adc32_rm_a32
    ALU_RM_A32[3][0] = sbb8_rm_a32
    ALU_RM_A32[3][1] = sbb16_rm_a32
    ALU_RM_A32[3][2] = sbb32_rm_a32
    ALU_RM_A32[4][0] = and8_rm_a32
    ALU_RM_A32[4][1] = and16_rm_a32
    ALU_RM_A32[4][2] = and32_rm_a32
    ALU_RM_A32[5][0] = sub8_rm_a32
    ALU_RM_A32[5][1] = sub16_rm_a32
    ALU_RM_A32[5][2] = sub32_rm_a32
    ALU_RM_A32[6][0] = xor8_rm_a32
    ALU_RM_A32[6][1] = xor16_rm_a32
    ALU_RM_A32[6][2] = xor32_rm_a32
    ALU_RM_A32[7][0] = cmp8_rm_a32
    ALU_RM_A32[7][1] = cmp16_rm_a32
    ALU_RM_A32[7][2] = cmp32_rm_a32
    ALU_RM_A32[8][0] = test8_rm_a32
    ALU_RM_A32[8][1] = test16_rm_a32
    ALU_RM_A32[8][2] = test32_rm_a32
    ALU_RM_DEAD[0][0] = add8_rm_dead
    ALU_RM_DEAD[0][1] = add16_rm_dead
    ALU_RM_DEAD[0][2] = add32_rm_dead
    ALU_RM_DEAD[1][0] = or8_rm_dead
    ALU_RM_DEAD[1][1] = or16_rm_dead
    ALU_RM_DEAD[1][2] = or32_rm_dead
    ALU_RM_DEAD[2][0] = adc8_rm_dead
    ALU_RM_DEAD[2][1] = adc16_rm_dead
    ALU_RM_DEAD[2][2] = adc32_rm_dead
    ALU_RM_DEAD[3][0] = sbb8_rm_dead
    ALU_RM_DEAD[3][1] = sbb16_rm_dead
    ALU_RM_DEAD[3][2] = sbb32_rm_dead
    ALU_RM_DEAD[4][0] = and8_rm_dead
    ALU_RM_DEAD[4][1] = and16_rm_dead
    ALU_RM_DEAD[4][2] = and32_rm_dead
    ALU_RM_DEAD[5][0] = sub8_rm_dead
    ALU_RM_DEAD[5][1] = sub16_rm_dead
    ALU_RM_DEAD[5][2] = sub32_rm_dead
    ALU_RM_DEAD[6][0] = xor8_rm_dead
    ALU_RM_DEAD[6][1] = xor16_rm_dead
    ALU_RM_DEAD[6][2] = xor32_rm_dead
    ALU_RM_DEAD[7][0] = cmp8_rm_dead
    ALU_RM_DEAD[7][1] = cmp16_rm_dead
    ALU_RM_DEAD[7][2] = cmp32_rm_dead
    ALU_RM_DEAD[8][0] = test8_rm_dead
    ALU_RM_DEAD[8][1] = test16_rm_dead
    ALU_RM_DEAD[8][2] = test32_rm_dead
    ALU_RM_DEAD_A32[0][0] = add8_rm_dead_a32
    ALU_RM_DEAD_A32[0][1] = add16_rm_dead_a32
    ALU_RM_DEAD_A32[0][2] = add32_rm_dead_a32
    ALU_RM_DEAD_A32[1][0] = or8_rm_dead_a32
    ALU_RM_DEAD_A32[1][1] = or16_rm_dead_a32
    ALU_RM_DEAD_A32[1][2] = or32_rm_dead_a32
    ALU_RM_DEAD_A32[2][0] = adc8_rm_dead_a32
    ALU_RM_DEAD_A32[2][1] = adc16_rm_dead_a32
    ALU_RM_DEAD_A32[2][2] = adc32_rm_dead_a32
    ALU_RM_DEAD_A32[3][0] = sbb8_rm_dead_a32
    ALU_RM_DEAD_A32[3][1] = sbb16_rm_dead_a32
    ALU_RM_DEAD_A32[3][2] = sbb32_rm_dead_a32
    ALU_RM_DEAD_A32[4][0] = and8_rm_dead_a32
    ALU_RM_DEAD_A32[4][1] = and16_rm_dead_a32
    ALU_RM_DEAD_A32[4][2] = and32_rm_dead_a32
    ALU_RM_DEAD_A32[5][0] = sub8_rm_dead_a32
    ALU_RM_DEAD_A32[5][1] = sub16_rm_dead_a32
    ALU_RM_DEAD_A32[5][2] = sub32_rm_dead_a32
    ALU_RM_DEAD_A32[6][0] = xor8_rm_dead_a32
    ALU_RM_DEAD_A32[6][1] = xor16_rm_dead_a32
    ALU_RM_DEAD_A32[6][2] = xor32_rm_dead_a32
    ALU_RM_DEAD_A32[7][0] = cmp8_rm_dead_a32
    ALU_RM_DEAD_A32[7][1] = cmp16_rm_dead_a32
    ALU_RM_DEAD_A32[7][2] = cmp32_rm_dead_a32
    ALU_RM_DEAD_A32[8][0] = test8_rm_dead_a32
    ALU_RM_DEAD_A32[8][1] = test16_rm_dead_a32
    ALU_RM_DEAD_A32[8][2] = test32_rm_dead_a32
    ALU_MR[0][0] = add8_mr
    ALU_MR[0][1] = add16_mr
    ALU_MR[0][2] = add32_mr
    ALU_MR[1][0] = or8_mr
    ALU_MR[1][1] = or16_mr
    ALU_MR[1][2] = or32_mr
    ALU_MR[2][0] = adc8_mr
    ALU_MR[2][1] = adc16_mr
    ALU_MR[2][2] = adc32_mr
    ALU_MR[3][0] = sbb8_mr
    ALU_MR[3][1] = sbb16_mr
    ALU_MR[3][2] = sbb32_mr
    ALU_MR[4][0] = and8_mr
    ALU_MR[4][1] = and16_mr
    ALU_MR[4][2] = and32_mr
    ALU_MR[5][0] = sub8_mr
    ALU_MR[5][1] = sub16_mr
    ALU_MR[5][2] = sub32_mr
    ALU_MR[6][0] = xor8_mr
    ALU_MR[6][1] = xor16_mr
    ALU_MR[6][2] = xor32_mr
    ALU_MR[7][0] = cmp8_mr
    ALU_MR[7][1] = cmp16_mr
    ALU_MR[7][2] = cmp32_mr
    ALU_MR[8][0] = test8_mr
    ALU_MR[8][1] = test16_mr
    ALU_MR[8][2] = test32_mr
    ALU_MR_A32[0][0] = add8_mr_a32
    ALU_MR_A32[0][1] = add16_mr_a32
    ALU_MR_A32[0][2] = add32_mr_a32
    ALU_MR_A32[1][0] = or8_mr_a32
    ALU_MR_A32[1][1] = or16_mr_a32
    ALU_MR_A32[1][2] = or32_mr_a32
    ALU_MR_A32[2][0] = adc8_mr_a32
    ALU_MR_A32[2][1] = adc16_mr_a32
    ALU_MR_A32[2][2] = adc32_mr_a32
    ALU_MR_A32[3][0] = sbb8_mr_a32
    ALU_MR_A32[3][1] = sbb16_mr_a32
    ALU_MR_A32[3][2] = sbb32_mr_a32
    ALU_MR_A32[4][0] = and8_mr_a32
    ALU_MR_A32[4][1] = and16_mr_a32
    ALU_MR_A32[4][2] = and32_mr_a32
    ALU_MR_A32[5][0] = sub8_mr_a32
    ALU_MR_A32[5][1] = sub16_mr_a32
    ALU_MR_A32[5][2] = sub32_mr_a32
    ALU_MR_A32[6][0] = xor8_mr_a32
    ALU_MR_A32[6][1] = xor16_mr_a32
    ALU_MR_A32[6][2] = xor32_mr_a32
    ALU_MR_A32[7][0] = cmp8_mr_a32
    ALU_MR_A32[7][1] = cmp16_mr_a32
    ALU_MR_A32[7][2] = cmp32_mr_a32
    ALU_MR_A32[8][0] = test8_mr_a32
    ALU_MR_A32[8][1] = test16_mr_a32
    ALU_MR_A32[8][2] = test32_mr_a32
    ALU_MI[0][0] = add8_mi
    ALU_MI[0][1] = add16_mi
    ALU_MI[0][2] = add32_mi
    ALU_MI[1][0] = or8_mi
    ALU_MI[1][1] = or16_mi
    ALU_MI[1][2] = or32_mi
    ALU_MI[2][0] = adc8_mi
    ALU_MI[2][1] = adc16_mi
    ALU_MI[2][2] = adc32_mi
    ALU_MI[3][0] = sbb8_mi
    ALU_MI[3][1] = sbb16_mi
    ALU_MI[3][2] = sbb32_mi
    ALU_MI[4][0] = and8_mi
    ALU_MI[4][1] = and16_mi
    ALU_MI[4][2] = and32_mi
    ALU_MI[5][0] = sub8_mi
    ALU_MI[5][1] = sub16_mi
    ALU_MI[5][2] = sub32_mi
    ALU_MI[6][0] = xor8_mi
    ALU_MI[6][1] = xor16_mi
    ALU_MI[6][2] = xor32_mi
    ALU_MI[7][0] = cmp8_mi
    ALU_MI[7][1] = cmp16_mi
    ALU_MI[7][2] = cmp32_mi
    ALU_MI[8][0] = test8_mi
    ALU_MI[8][1] = test16_mi
    ALU_MI[8][2] = test32_mi
    ALU_MI_A32[0][0] = add8_mi_a32
    ALU_MI_A32[0][1] = add16_mi_a32
    ALU_MI_A32[0][2] = add32_mi_a32
    ALU_MI_A32[1][0] = or8_mi_a32
    ALU_MI_A32[1][1] = or16_mi_a32
    ALU_MI_A32[1][2] = or32_mi_a32
    ALU_MI_A32[2][0] = adc8_mi_a32
    ALU_MI_A32[2][1] = adc16_mi_a32
    ALU_MI_A32[2][2] = adc32_mi_a32
    ALU_MI_A32[3][0] = sbb8_mi_a32
    ALU_MI_A32[3][1] = sbb16_mi_a32
    ALU_MI_A32[3][2] = sbb32_mi_a32
    ALU_MI_A32[4][0] = and8_mi_a32
    ALU_MI_A32[4][1] = and16_mi_a32
    ALU_MI_A32[4][2] = and32_mi_a32
    ALU_MI_A32[5][0] = sub8_mi_a32
    ALU_MI_A32[5][1] = sub16_mi_a32
    ALU_MI_A32[5][2] = sub32_mi_a32
    ALU_MI_A32[6][0] = xor8_mi_a32
    ALU_MI_A32[6][1] = xor16_mi_a32
    ALU_MI_A32[6][2] = xor32_mi_a32
    ALU_MI_A32[7][0] = cmp8_mi_a32
    ALU_MI_A32[7][1] = cmp16_mi_a32
    ALU_MI_A32[7][2] = cmp32_mi_a32
    ALU_MI_A32[8][0] = test8_mi_a32
    ALU_MI_A32[8][1] = test16_mi_a32
    ALU_MI_A32[8][2] = test32_mi_a32
    UNARY_R[0][0] = inc8_r
    UNARY_R[0][1] = inc16_r
    UNARY_R[0][2] = inc32_r
    UNARY_R[1][0] = dec8_r
    UNARY_R[1][1] = dec16_r
    UNARY_R[1][2] = dec32_r
    UNARY_R[2][0] = not8_r
    UNARY_R[2][1] = not16_r
    UNARY_R[2][2] = not32_r
    UNARY_R[3][0] = neg8_r
    UNARY_R[3][1] = neg16_r
    UNARY_R[3][2] = neg32_r
    UNARY_R_DEAD[0][0] = inc8_r_dead
    UNARY_R_DEAD[0][1] = inc16_r_dead
    UNARY_R_DEAD[0][2] = inc32_r_dead
    UNARY_R_DEAD[1][0] = dec8_r_dead
    UNARY_R_DEAD[1][1] = dec16_r_dead
    UNARY_R_DEAD[1][2] = dec32_r_dead
    UNARY_R_DEAD[2][0] = not8_r_dead
    UNARY_R_DEAD[2][1] = not16_r_dead
    UNARY_R_DEAD[2][2] = not32_r_dead
    UNARY_R_DEAD[3][0] = neg8_r_dead
    UNARY_R_DEAD[3][1] = neg16_r_dead
    UNARY_R_DEAD[3][2] = neg32_r_dead
    PREDICATED_ALU_RR[0][0] = add8_rr_predicated
    PREDICATED_ALU_RR[0][1] = add16_rr_predicated
    PREDICATED_ALU_RR[0][2] = add32_rr_predicated
    PREDICATED_ALU_RR[1][0] = or8_rr_predicated
    PREDICATED_ALU_RR[1][1] = or16_rr_predicated
    PREDICATED_ALU_RR[1][2] = or32_rr_predicated
    PREDICATED_ALU_RR[2][0] = adc8_rr_predicated
    PREDICATED_ALU_RR[2][1] = adc16_rr_predicated
    PREDICATED_ALU_RR[2][2] = adc32_rr_predicated
    PREDICATED_ALU_RR[3][0] = sbb8_rr_predicated
    PREDICATED_ALU_RR[3][1] = sbb16_rr_predicated
    PREDICATED_ALU_RR[3][2] = sbb32_rr_predicated
    PREDICATED_ALU_RR[4][0] = and8_rr_predicated
    PREDICATED_ALU_RR[4][1] = and16_rr_predicated
    PREDICATED_ALU_RR[4][2] = and32_rr_predicated
    PREDICATED_ALU_RR[5][0] = sub8_rr_predicated
    PREDICATED_ALU_RR[5][1] = sub16_rr_predicated
    PREDICATED_ALU_RR[5][2] = sub32_rr_predicated
    PREDICATED_ALU_RR[6][0] = xor8_rr_predicated
    PREDICATED_ALU_RR[6][1] = xor16_rr_predicated
    PREDICATED_ALU_RR[6][2] = xor32_rr_predicated
    PREDICATED_ALU_RR[7][0] = cmp8_rr_predicated
    PREDICATED_ALU_RR[7][1] = cmp16_rr_predicated
    PREDICATED_ALU_RR[7][2] = cmp32_rr_predicated
    PREDICATED_ALU_RR[8][0] = test8_rr_predicated
    PREDICATED_ALU_RR[8][1] = test16_rr_predicated
    PREDICATED_ALU_RR[8][2] = test32_rr_predicated
    PREDICATED_ALU_RR_DEAD[0][0] = add8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[0][1] = add16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[0][2] = add32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[1][0] = or8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[1][1] = or16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[1][2] = or32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[2][0] = adc8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[2][1] = adc16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[2][2] = adc32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[3][0] = sbb8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[3][1] = sbb16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[3][2] = sbb32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[4][0] = and8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[4][1] = and16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[4][2] = and32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[5][0] = sub8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[5][1] = sub16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[5][2] = sub32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[6][0] = xor8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[6][1] = xor16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[6][2] = xor32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[7][0] = cmp8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[7][1] = cmp16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[7][2] = cmp32_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[8][0] = test8_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[8][1] = test16_rr_predicated_dead
    PREDICATED_ALU_RR_DEAD[8][2] = test32_rr_predicated_dead
    PREDICATED_ALU_RI[0][0] = add8_ri_predicated
    PREDICATED_ALU_RI[0][1] = add16_ri_predicated
    PREDICATED_ALU_RI[0][2] = add32_ri_predicated
    PREDICATED_ALU_RI[1][0] = or8_ri_predicated
    PREDICATED_ALU_RI[1][1] = or16_ri_predicated
    PREDICATED_ALU_RI[1][2] = or32_ri_predicated
    PREDICATED_ALU_RI[2][0] = adc8_ri_predicated
    PREDICATED_ALU_RI[2][1] = adc16_ri_predicated
    PREDICATED_ALU_RI[2][2] = adc32_ri_predicated
    PREDICATED_ALU_RI[3][0] = sbb8_ri_predicated
    PREDICATED_ALU_RI[3][1] = sbb16_ri_predicated
    PREDICATED_ALU_RI[3][2] = sbb32_ri_predicated
    PREDICATED_ALU_RI[4][0] = and8_ri_predicated
    PREDICATED_ALU_RI[4][1] = and16_ri_predicated
    PREDICATED_ALU_RI[4][2] = and32_ri_predicated
    PREDICATED_ALU_RI[5][0] = sub8_ri_predicated
    PREDICATED_ALU_RI[5][1] = sub16_ri_predicated
    PREDICATED_ALU_RI[5][2] = sub32_ri_predicated
    PREDICATED_ALU_RI[6][0] = xor8_ri_predicated
    PREDICATED_ALU_RI[6][1] = xor16_ri_predicated
    PREDICATED_ALU_RI[6][2] = xor32_ri_predicated
    PREDICATED_ALU_RI[7][0] = cmp8_ri_predicated
    PREDICATED_ALU_RI[7][1] = cmp16_ri_predicated
    PREDICATED_ALU_RI[7][2] = cmp32_ri_predicated
    PREDICATED_ALU_RI[8][0] = test8_ri_predicated
    PREDICATED_ALU_RI[8][1] = test16_ri_predicated
    PREDICATED_ALU_RI[8][2] = test32_ri_predicated
    PREDICATED_ALU_RI_DEAD[0][0] = add8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[0][1] = add16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[0][2] = add32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[1][0] = or8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[1][1] = or16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[1][2] = or32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[2][0] = adc8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[2][1] = adc16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[2][2] = adc32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[3][0] = sbb8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[3][1] = sbb16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[3][2] = sbb32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[4][0] = and8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[4][1] = and16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[4][2] = and32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[5][0] = sub8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[5][1] = sub16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[5][2] = sub32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[6][0] = xor8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[6][1] = xor16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[6][2] = xor32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[7][0] = cmp8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[7][1] = cmp16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[7][2] = cmp32_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[8][0] = test8_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[8][1] = test16_ri_predicated_dead
    PREDICATED_ALU_RI_DEAD[8][2] = test32_ri_predicated_dead
    PREDICATED_UNARY_R[0][0] = inc8_r_predicated
    PREDICATED_UNARY_R[0][1] = inc16_r_predicated
    PREDICATED_UNARY_R[0][2] = inc32_r_predicated
    PREDICATED_UNARY_R[1][0] = dec8_r_predicated
    PREDICATED_UNARY_R[1][1] = dec16_r_predicated
    PREDICATED_UNARY_R[1][2] = dec32_r_predicated
    PREDICATED_UNARY_R[2][0] = not8_r_predicated
    PREDICATED_UNARY_R[2][1] = not16_r_predicated
    PREDICATED_UNARY_R[2][2] = not32_r_predicated
    PREDICATED_UNARY_R[3][0] = neg8_r_predicated
    PREDICATED_UNARY_R[3][1] = neg16_r_predicated
    PREDICATED_UNARY_R[3][2] = neg32_r_predicated
    PREDICATED_UNARY_R_DEAD[0][0] = inc8_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[0][1] = inc16_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[0][2] = inc32_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[1][0] = dec8_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[1][1] = dec16_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[1][2] = dec32_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[2][0] = not8_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[2][1] = not16_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[2][2] = not32_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[3][0] = neg8_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[3][1] = neg16_r_predicated_dead
    PREDICATED_UNARY_R_DEAD[3][2] = neg32_r_predicated_dead
    UNARY_M[0][0] = inc8_m
    UNARY_M[0][1] = inc16_m
    UNARY_M[0][2] = inc32_m
    UNARY_M[1][0] = dec8_m
    UNARY_M[1][1] = dec16_m
    UNARY_M[1][2] = dec32_m
    UNARY_M[2][0] = not8_m
    UNARY_M[2][1] = not16_m
    UNARY_M[2][2] = not32_m
    UNARY_M[3][0] = neg8_m
    UNARY_M[3][1] = neg16_m
    UNARY_M[3][2] = neg32_m
    UNARY_M_A32[0][0] = inc8_m_a32
    UNARY_M_A32[0][1] = inc16_m_a32
    UNARY_M_A32[0][2] = inc32_m_a32
    UNARY_M_A32[1][0] = dec8_m_a32
    UNARY_M_A32[1][1] = dec16_m_a32
    UNARY_M_A32[1][2] = dec32_m_a32
    UNARY_M_A32[2][0] = not8_m_a32
    UNARY_M_A32[2][1] = not16_m_a32
    UNARY_M_A32[2][2] = not32_m_a32
    UNARY_M_A32[3][0] = neg8_m_a32
    UNARY_M_A32[3][1] = neg16_m_a32
    UNARY_M_A32[3][2] = neg32_m_a32
    SHIFT_RI[0][0] = rol8_ri
    SHIFT_RI[0][1] = rol16_ri
    SHIFT_RI[0][2] = rol32_ri
    SHIFT_RI[1][0] = ror8_ri
    SHIFT_RI[1][1] = ror16_ri
    SHIFT_RI[1][2] = ror32_ri
    SHIFT_RI[2][0] = rcl8_ri
    SHIFT_RI[2][1] = rcl16_ri
    SHIFT_RI[2][2] = rcl32_ri
    SHIFT_RI[3][0] = rcr8_ri
    SHIFT_RI[3][1] = rcr16_ri
    SHIFT_RI[3][2] = rcr32_ri
    SHIFT_RI[4][0] = shl8_ri
    SHIFT_RI[4][1] = shl16_ri
    SHIFT_RI[4][2] = shl32_ri
    SHIFT_RI[5][0] = shr8_ri
    SHIFT_RI[5][1] = shr16_ri
    SHIFT_RI[5][2] = shr32_ri
    SHIFT_RI[6][0] = setmo8_ri
    SHIFT_RI[6][1] = setmo16_ri
    SHIFT_RI[6][2] = setmo32_ri
    SHIFT_RI[7][0] = sar8_ri
    SHIFT_RI[7][1] = sar16_ri
    SHIFT_RI[7][2] = sar32_ri
    SHIFT_RI_DEAD[0][0] = rol8_ri_dead
    SHIFT_RI_DEAD[0][1] = rol16_ri_dead
    SHIFT_RI_DEAD[0][2] = rol32_ri_dead
    SHIFT_RI_DEAD[1][0] = ror8_ri_dead
    SHIFT_RI_DEAD[1][1] = ror16_ri_dead
    SHIFT_RI_DEAD[1][2] = ror32_ri_dead
    SHIFT_RI_DEAD[2][0] = rcl8_ri_dead
    SHIFT_RI_DEAD[2][1] = rcl16_ri_dead
    SHIFT_RI_DEAD[2][2] = rcl32_ri_dead
    SHIFT_RI_DEAD[3][0] = rcr8_ri_dead
    SHIFT_RI_DEAD[3][1] = rcr16_ri_dead
    SHIFT_RI_DEAD[3][2] = rcr32_ri_dead
    SHIFT_RI_DEAD[4][0] = shl8_ri_dead
    SHIFT_RI_DEAD[4][1] = shl16_ri_dead
    SHIFT_RI_DEAD[4][2] = shl32_ri_dead
    SHIFT_RI_DEAD[5][0] = shr8_ri_dead
    SHIFT_RI_DEAD[5][1] = shr16_ri_dead
    SHIFT_RI_DEAD[5][2] = shr32_ri_dead
    SHIFT_RI_DEAD[6][0] = setmo8_ri_dead
    SHIFT_RI_DEAD[6][1] = setmo16_ri_dead
    SHIFT_RI_DEAD[6][2] = setmo32_ri_dead
    SHIFT_RI_DEAD[7][0] = sar8_ri_dead
    SHIFT_RI_DEAD[7][1] = sar16_ri_dead
    SHIFT_RI_DEAD[7][2] = sar32_ri_dead
    SHIFT_RC[0][0] = rol8_rc
    SHIFT_RC[0][1] = rol16_rc
    SHIFT_RC[0][2] = rol32_rc
    SHIFT_RC[1][0] = ror8_rc
    SHIFT_RC[1][1] = ror16_rc
    SHIFT_RC[1][2] = ror32_rc
    SHIFT_RC[2][0] = rcl8_rc
    SHIFT_RC[2][1] = rcl16_rc
    SHIFT_RC[2][2] = rcl32_rc
    SHIFT_RC[3][0] = rcr8_rc
    SHIFT_RC[3][1] = rcr16_rc
    SHIFT_RC[3][2] = rcr32_rc
    SHIFT_RC[4][0] = shl8_rc
    SHIFT_RC[4][1] = shl16_rc
    SHIFT_RC[4][2] = shl32_rc
    SHIFT_RC[5][0] = shr8_rc
    SHIFT_RC[5][1] = shr16_rc
    SHIFT_RC[5][2] = shr32_rc
    SHIFT_RC[6][0] = setmo8_rc
    SHIFT_RC[6][1] = setmo16_rc
    SHIFT_RC[6][2] = setmo32_rc
    SHIFT_RC[7][0] = sar8_rc
    SHIFT_RC[7][1] = sar16_rc
    SHIFT_RC[7][2] = sar32_rc
    MOV_RR[0][0] = mov_rr8
    MOV_RR[0][1] = mov_rr16
    MOV_RR[0][2] = mov_rr32
    MOV_RI[0][0] = mov_ri8
    MOV_RI[0][1] = mov_ri16
    MOV_RI[0][2] = mov_ri32
    XCHG_RR[0][0] = xchg_rr8
    XCHG_RR[0][1] = xchg_rr16
    XCHG_RR[0][2] = xchg_rr32
    LOAD_TMP[0][0] = load_tmp8
    LOAD_TMP[0][1] = load_tmp16
    LOAD_TMP[0][2] = load_tmp32
    STORE_TMP[0][0] = store_tmp8
    STORE_TMP[0][1] = store_tmp16
    STORE_TMP[0][2] = store_tmp32
    STORE_BACK[0][0] = store_back8
    STORE_BACK[0][1] = store_back16
    STORE_BACK[0][2] = store_back32
    LOCK_LOAD[0][0] = lock_load8
    LOCK_LOAD[0][1] = lock_load16
    LOCK_LOAD[0][2] = lock_load32
    LOCK_STORE[0][0] = lock_store8
    LOCK_STORE[0][1] = lock_store16
    LOCK_STORE[0][2] = lock_store32
    CMPXCHG[0][0] = cmpxchg8
    CMPXCHG[0][1] = cmpxchg16
    CMPXCHG[0][2] = cmpxchg32
    XADD[0][0] = xadd8
    XADD[0][1] = xadd16
    XADD[0][2] = xadd32
    FLUID_IMM[0][0] = fluid_imm8
    FLUID_IMM[0][1] = fluid_imm16
    FLUID_IMM[0][2] = fluid_imm32
    PREDICATED_MOV_RR[0][0] = predicated_mov_rr8
    PREDICATED_MOV_RR[0][1] = predicated_mov_rr16
    PREDICATED_MOV_RR[0][2] = predicated_mov_rr32
    PREDICATED_MOV_RI[0][0] = predicated_mov_ri8
    PREDICATED_MOV_RI[0][1] = predicated_mov_ri16
    PREDICATED_MOV_RI[0][2] = predicated_mov_ri32
    MOV_RM[0][0] = mov_rm8
    MOV_RM[0][1] = mov_rm16
    MOV_RM[0][2] = mov_rm32
    MOV_RM_A32[0][0] = mov_rm_a32_8
    MOV_RM_A32[0][1] = mov_rm_a32_16
    MOV_RM_A32[0][2] = mov_rm_a32_32
    MOV_MR[0][0] = mov_mr8
    MOV_MR[0][1] = mov_mr16
    MOV_MR[0][2] = mov_mr32
    MOV_MR_A32[0][0] = mov_mr_a32_8
    MOV_MR_A32[0][1] = mov_mr_a32_16
    MOV_MR_A32[0][2] = mov_mr_a32_32
    MOV_MI[0][0] = mov_mi8
    MOV_MI[0][1] = mov_mi16
    MOV_MI[0][2] = mov_mi32
    MOV_MI_A32[0][0] = mov_mi_a32_8
    MOV_MI_A32[0][1] = mov_mi_a32_16
    MOV_MI_A32[0][2] = mov_mi_a32_32
    LEA[0][0] = lea8
    LEA[0][1] = lea16
    LEA[0][2] = lea32
    LEA_A32[0][0] = lea_a32_8
    LEA_A32[0][1] = lea_a32_16
    LEA_A32[0][2] = lea_a32_32
    READ_M[0][0] = mul8_m
    READ_M[0][1] = mul16_m
    READ_M[0][2] = mul32_m
    READ_M[1][0] = imul8_m
    READ_M[1][1] = imul16_m
    READ_M[1][2] = imul32_m
    READ_M[2][0] = div8_m
    READ_M[2][1] = div16_m
    READ_M[2][2] = div32_m
    READ_M[3][0] = idiv8_m
    READ_M[3][1] = idiv16_m
    READ_M[3][2] = idiv32_m
    READ_M[4][0] = NULL
    READ_M[4][1] = imul_rr16_m
    READ_M[4][2] = imul_rr32_m
    READ_M[5][0] = NULL
    READ_M[5][1] = imul_ri16_m
    READ_M[5][2] = imul_ri32_m
    READ_M[6][0] = NULL
    READ_M[6][1] = push16_m
    READ_M[6][2] = push32_m
    READ_M[7][0] = NULL
    READ_M[7][1] = sreg16_m
    READ_M[7][2] = NULL
    READ_M[8][0] = zx168_m
    READ_M[8][1] = NULL
    READ_M[8][2] = NULL
    READ_M[9][0] = zx328_m
    READ_M[9][1] = zx3216_m
    READ_M[9][2] = NULL
    READ_M[10][0] = sx168_m
    READ_M[10][1] = NULL
    READ_M[10][2] = NULL
    READ_M[11][0] = sx328_m
    READ_M[11][1] = sx3216_m
    READ_M[11][2] = NULL
    MODIFY_M[0][0] = rol8_mi
    MODIFY_M[0][1] = rol16_mi
    MODIFY_M[0][2] = rol32_mi
    MODIFY_M[1][0] = ror8_mi
    MODIFY_M[1][1] = ror16_mi
    MODIFY_M[1][2] = ror32_mi
    MODIFY_M[2][0] = rcl8_mi
    MODIFY_M[2][1] = rcl16_mi
    MODIFY_M[2][2] = rcl32_mi
    MODIFY_M[3][0] = rcr8_mi
    MODIFY_M[3][1] = rcr16_mi
    MODIFY_M[3][2] = rcr32_mi
    MODIFY_M[4][0] = shl8_mi
    MODIFY_M[4][1] = shl16_mi
    MODIFY_M[4][2] = shl32_mi
    MODIFY_M[5][0] = shr8_mi
    MODIFY_M[5][1] = shr16_mi
    MODIFY_M[5][2] = shr32_mi
    MODIFY_M[6][0] = setmo8_mi
    MODIFY_M[6][1] = setmo16_mi
    MODIFY_M[6][2] = setmo32_mi
    MODIFY_M[7][0] = sar8_mi
    MODIFY_M[7][1] = sar16_mi
    MODIFY_M[7][2] = sar32_mi
    MODIFY_M[8][0] = rol8_mc
    MODIFY_M[8][1] = rol16_mc
    MODIFY_M[8][2] = rol32_mc
    MODIFY_M[9][0] = ror8_mc
    MODIFY_M[9][1] = ror16_mc
    MODIFY_M[9][2] = ror32_mc
    MODIFY_M[10][0] = rcl8_mc
    MODIFY_M[10][1] = rcl16_mc
    MODIFY_M[10][2] = rcl32_mc
    MODIFY_M[11][0] = rcr8_mc
    MODIFY_M[11][1] = rcr16_mc
    MODIFY_M[11][2] = rcr32_mc
    MODIFY_M[12][0] = shl8_mc
    MODIFY_M[12][1] = shl16_mc
    MODIFY_M[12][2] = shl32_mc
    MODIFY_M[13][0] = shr8_mc
    MODIFY_M[13][1] = shr16_mc
    MODIFY_M[13][2] = shr32_mc
    MODIFY_M[14][0] = setmo8_mc
    MODIFY_M[14][1] = setmo16_mc
    MODIFY_M[14][2] = setmo32_mc
    MODIFY_M[15][0] = sar8_mc
    MODIFY_M[15][1] = sar16_mc
    MODIFY_M[15][2] = sar32_mc
    MODIFY_M[16][0] = xchg8_m
    MODIFY_M[16][1] = xchg16_m
    MODIFY_M[16][2] = xchg32_m
    MODIFY_M[17][0] = xadd8_m
    MODIFY_M[17][1] = xadd16_m
    MODIFY_M[17][2] = xadd32_m
    MODIFY_M[18][0] = cmpxchg8_m
    MODIFY_M[18][1] = cmpxchg16_m
    MODIFY_M[18][2] = cmpxchg32_m
    MODIFY_M[19][0] = NULL
    MODIFY_M[19][1] = bts16_m
    MODIFY_M[19][2] = bts32_m
    MODIFY_M[20][0] = NULL
    MODIFY_M[20][1] = btr16_m
    MODIFY_M[20][2] = btr32_m
    MODIFY_M[21][0] = NULL
    MODIFY_M[21][1] = btc16_m
    MODIFY_M[21][2] = btc32_m
    MODIFY_M[22][0] = NULL
    MODIFY_M[22][1] = shld16_m
    MODIFY_M[22][2] = shld32_m
    MODIFY_M[23][0] = NULL
    MODIFY_M[23][1] = shrd16_m
    MODIFY_M[23][2] = shrd32_m
    MODIFY_M[24][0] = NULL
    MODIFY_M[24][1] = shld_cl16_m
    MODIFY_M[24][2] = shld_cl32_m
    MODIFY_M[25][0] = NULL
    MODIFY_M[25][1] = shrd_cl16_m
    MODIFY_M[25][2] = shrd_cl32_m
    MODIFY_M[26][0] = same8_m
    MODIFY_M[26][1] = same16_m
    MODIFY_M[26][2] = same32_m
    BIT_M[0][0] = NULL
    BIT_M[0][1] = bt16_mr
    BIT_M[0][2] = bt32_mr
    BIT_M[1][0] = NULL
    BIT_M[1][1] = bts16_mr
    BIT_M[1][2] = bts32_mr
    BIT_M[2][0] = NULL
    BIT_M[2][1] = btr16_mr
    BIT_M[2][2] = btr32_mr
    BIT_M[3][0] = NULL
    BIT_M[3][1] = btc16_mr
    BIT_M[3][2] = btc32_mr
    STRING[0][0] = movs8
    STRING[0][1] = movs16
    STRING[0][2] = movs32
    STRING[1][0] = stos8
    STRING[1][1] = stos16
    STRING[1][2] = stos32
    STRING[2][0] = lods8
    STRING[2][1] = lods16
    STRING[2][2] = lods32
    STRING[3][0] = cmps8
    STRING[3][1] = cmps16
    STRING[3][2] = cmps32
    STRING[4][0] = scas8
    STRING[4][1] = scas16
    STRING[4][2] = scas32
    STRING[5][0] = ins8
    STRING[5][1] = ins16
    STRING[5][2] = ins32
    STRING[6][0] = outs8
    STRING[6][1] = outs16
    STRING[6][2] = outs32
    STRING_A32[0][0] = movs8_a32
    STRING_A32[0][1] = movs16_a32
    STRING_A32[0][2] = movs32_a32
    STRING_A32[1][0] = stos8_a32
    STRING_A32[1][1] = stos16_a32
    STRING_A32[1][2] = stos32_a32
    STRING_A32[2][0] = lods8_a32
    STRING_A32[2][1] = lods16_a32
    STRING_A32[2][2] = lods32_a32
    STRING_A32[3][0] = cmps8_a32
    STRING_A32[3][1] = cmps16_a32
    STRING_A32[3][2] = cmps32_a32
    STRING_A32[4][0] = scas8_a32
    STRING_A32[4][1] = scas16_a32
    STRING_A32[4][2] = scas32_a32
    STRING_A32[5][0] = ins8_a32
    STRING_A32[5][1] = ins16_a32
    STRING_A32[5][2] = ins32_a32
    STRING_A32[6][0] = outs8_a32
    STRING_A32[6][1] = outs16_a32
    STRING_A32[6][2] = outs32_a32
    REPEAT[0][0] = rep_movs8
    REPEAT[0][1] = rep_movs16
    REPEAT[0][2] = rep_movs32
    REPEAT[1][0] = rep_stos8
    REPEAT[1][1] = rep_stos16
    REPEAT[1][2] = rep_stos32
    REPEAT[2][0] = rep_lods8
    REPEAT[2][1] = rep_lods16
    REPEAT[2][2] = rep_lods32
    REPEAT[3][0] = rep_cmps8
    REPEAT[3][1] = rep_cmps16
    REPEAT[3][2] = rep_cmps32
    REPEAT[4][0] = rep_scas8
    REPEAT[4][1] = rep_scas16
    REPEAT[4][2] = rep_scas32
    REPEAT[5][0] = rep_ins8
    REPEAT[5][1] = rep_ins16
    REPEAT[5][2] = rep_ins32
    REPEAT[6][0] = rep_outs8
    REPEAT[6][1] = rep_outs16
    REPEAT[6][2] = rep_outs32
    JCC[0][0] = jcc_0
    JCC[0][1] = jcc_1
    JCC[0][2] = jcc_2
    JCC[0][3] = jcc_3
    JCC[0][4] = jcc_4
    JCC[0][5] = jcc_5
    JCC[0][6] = jcc_6
    JCC[0][7] = jcc_7
    JCC[0][8] = jcc_8
    JCC[0][9] = jcc_9
    JCC[0][10] = jcc_a
    JCC[0][11] = jcc_b
    JCC[0][12] = jcc_c
    JCC[0][13] = jcc_d
    JCC[0][14] = jcc_e
    JCC[0][15] = jcc_f
    PREDICATE[0][0] = predicate_0
    PREDICATE[0][1] = predicate_1
    PREDICATE[0][2] = predicate_2
    PREDICATE[0][3] = predicate_3
    PREDICATE[0][4] = predicate_4
    PREDICATE[0][5] = predicate_5
    PREDICATE[0][6] = predicate_6
    PREDICATE[0][7] = predicate_7
    PREDICATE[0][8] = predicate_8
    PREDICATE[0][9] = predicate_9
    PREDICATE[0][10] = predicate_a
    PREDICATE[0][11] = predicate_b
    PREDICATE[0][12] = predicate_c
    PREDICATE[0][13] = predicate_d
    PREDICATE[0][14] = predicate_e
    PREDICATE[0][15] = predicate_f


cdef void fill_fused() noexcept nogil:
    fuses(ALU_RR[ADD][0], JCC[0][2], add8_rr_j2)
    fuses(ALU_RR[ADD][0], JCC[0][3], add8_rr_j3)
    fuses(ALU_RR[ADD][0], JCC[0][4], add8_rr_j4)
    fuses(ALU_RR[ADD][0], JCC[0][5], add8_rr_j5)
    fuses(ALU_RR[ADD][0], JCC[0][6], add8_rr_j6)
    fuses(ALU_RR[ADD][0], JCC[0][7], add8_rr_j7)
    fuses(ALU_RR[ADD][0], JCC[0][8], add8_rr_j8)
    fuses(ALU_RR[ADD][0], JCC[0][9], add8_rr_j9)
    fuses(ALU_RR[ADD][0], JCC[0][12], add8_rr_jc)
    fuses(ALU_RR[ADD][0], JCC[0][13], add8_rr_jd)
    fuses(ALU_RR[ADD][0], JCC[0][14], add8_rr_je)
    fuses(ALU_RR[ADD][0], JCC[0][15], add8_rr_jf)
    fuses(ALU_RR[ADD][1], JCC[0][2], add16_rr_j2)
    fuses(ALU_RR[ADD][1], JCC[0][3], add16_rr_j3)
    fuses(ALU_RR[ADD][1], JCC[0][4], add16_rr_j4)
    fuses(ALU_RR[ADD][1], JCC[0][5], add16_rr_j5)
    fuses(ALU_RR[ADD][1], JCC[0][6], add16_rr_j6)
    fuses(ALU_RR[ADD][1], JCC[0][7], add16_rr_j7)
    fuses(ALU_RR[ADD][1], JCC[0][8], add16_rr_j8)
    fuses(ALU_RR[ADD][1], JCC[0][9], add16_rr_j9)
    fuses(ALU_RR[ADD][1], JCC[0][12], add16_rr_jc)
    fuses(ALU_RR[ADD][1], JCC[0][13], add16_rr_jd)
    fuses(ALU_RR[ADD][1], JCC[0][14], add16_rr_je)
    fuses(ALU_RR[ADD][1], JCC[0][15], add16_rr_jf)
    fuses(ALU_RR[ADD][2], JCC[0][2], add32_rr_j2)
    fuses(ALU_RR[ADD][2], JCC[0][3], add32_rr_j3)
    fuses(ALU_RR[ADD][2], JCC[0][4], add32_rr_j4)
    fuses(ALU_RR[ADD][2], JCC[0][5], add32_rr_j5)
    fuses(ALU_RR[ADD][2], JCC[0][6], add32_rr_j6)
    fuses(ALU_RR[ADD][2], JCC[0][7], add32_rr_j7)
    fuses(ALU_RR[ADD][2], JCC[0][8], add32_rr_j8)
    fuses(ALU_RR[ADD][2], JCC[0][9], add32_rr_j9)
    fuses(ALU_RR[ADD][2], JCC[0][12], add32_rr_jc)
    fuses(ALU_RR[ADD][2], JCC[0][13], add32_rr_jd)
    fuses(ALU_RR[ADD][2], JCC[0][14], add32_rr_je)
    fuses(ALU_RR[ADD][2], JCC[0][15], add32_rr_jf)
    fuses(ALU_RR[SUB][0], JCC[0][2], sub8_rr_j2)
    fuses(ALU_RR[SUB][0], JCC[0][3], sub8_rr_j3)
    fuses(ALU_RR[SUB][0], JCC[0][4], sub8_rr_j4)
    fuses(ALU_RR[SUB][0], JCC[0][5], sub8_rr_j5)
    fuses(ALU_RR[SUB][0], JCC[0][6], sub8_rr_j6)
    fuses(ALU_RR[SUB][0], JCC[0][7], sub8_rr_j7)
    fuses(ALU_RR[SUB][0], JCC[0][8], sub8_rr_j8)
    fuses(ALU_RR[SUB][0], JCC[0][9], sub8_rr_j9)
    fuses(ALU_RR[SUB][0], JCC[0][12], sub8_rr_jc)
    fuses(ALU_RR[SUB][0], JCC[0][13], sub8_rr_jd)
    fuses(ALU_RR[SUB][0], JCC[0][14], sub8_rr_je)
    fuses(ALU_RR[SUB][0], JCC[0][15], sub8_rr_jf)
    fuses(ALU_RR[SUB][1], JCC[0][2], sub16_rr_j2)
    fuses(ALU_RR[SUB][1], JCC[0][3], sub16_rr_j3)
    fuses(ALU_RR[SUB][1], JCC[0][4], sub16_rr_j4)
    fuses(ALU_RR[SUB][1], JCC[0][5], sub16_rr_j5)
    fuses(ALU_RR[SUB][1], JCC[0][6], sub16_rr_j6)
    fuses(ALU_RR[SUB][1], JCC[0][7], sub16_rr_j7)
    fuses(ALU_RR[SUB][1], JCC[0][8], sub16_rr_j8)
    fuses(ALU_RR[SUB][1], JCC[0][9], sub16_rr_j9)
    fuses(ALU_RR[SUB][1], JCC[0][12], sub16_rr_jc)
    fuses(ALU_RR[SUB][1], JCC[0][13], sub16_rr_jd)
    fuses(ALU_RR[SUB][1], JCC[0][14], sub16_rr_je)
    fuses(ALU_RR[SUB][1], JCC[0][15], sub16_rr_jf)
    fuses(ALU_RR[SUB][2], JCC[0][2], sub32_rr_j2)
    fuses(ALU_RR[SUB][2], JCC[0][3], sub32_rr_j3)
    fuses(ALU_RR[SUB][2], JCC[0][4], sub32_rr_j4)
    fuses(ALU_RR[SUB][2], JCC[0][5], sub32_rr_j5)
    fuses(ALU_RR[SUB][2], JCC[0][6], sub32_rr_j6)
    fuses(ALU_RR[SUB][2], JCC[0][7], sub32_rr_j7)
    fuses(ALU_RR[SUB][2], JCC[0][8], sub32_rr_j8)
    fuses(ALU_RR[SUB][2], JCC[0][9], sub32_rr_j9)
    fuses(ALU_RR[SUB][2], JCC[0][12], sub32_rr_jc)
    fuses(ALU_RR[SUB][2], JCC[0][13], sub32_rr_jd)
    fuses(ALU_RR[SUB][2], JCC[0][14], sub32_rr_je)
    fuses(ALU_RR[SUB][2], JCC[0][15], sub32_rr_jf)
    fuses(ALU_RR[OR][0], JCC[0][2], or8_rr_j2)
    fuses(ALU_RR[OR][0], JCC[0][3], or8_rr_j3)
    fuses(ALU_RR[OR][0], JCC[0][4], or8_rr_j4)
    fuses(ALU_RR[OR][0], JCC[0][5], or8_rr_j5)
    fuses(ALU_RR[OR][0], JCC[0][6], or8_rr_j6)
    fuses(ALU_RR[OR][0], JCC[0][7], or8_rr_j7)
    fuses(ALU_RR[OR][0], JCC[0][8], or8_rr_j8)
    fuses(ALU_RR[OR][0], JCC[0][9], or8_rr_j9)
    fuses(ALU_RR[OR][0], JCC[0][12], or8_rr_jc)
    fuses(ALU_RR[OR][0], JCC[0][13], or8_rr_jd)
    fuses(ALU_RR[OR][0], JCC[0][14], or8_rr_je)
    fuses(ALU_RR[OR][0], JCC[0][15], or8_rr_jf)
    fuses(ALU_RR[OR][1], JCC[0][2], or16_rr_j2)
    fuses(ALU_RR[OR][1], JCC[0][3], or16_rr_j3)
    fuses(ALU_RR[OR][1], JCC[0][4], or16_rr_j4)
    fuses(ALU_RR[OR][1], JCC[0][5], or16_rr_j5)
    fuses(ALU_RR[OR][1], JCC[0][6], or16_rr_j6)
    fuses(ALU_RR[OR][1], JCC[0][7], or16_rr_j7)
    fuses(ALU_RR[OR][1], JCC[0][8], or16_rr_j8)
    fuses(ALU_RR[OR][1], JCC[0][9], or16_rr_j9)
    fuses(ALU_RR[OR][1], JCC[0][12], or16_rr_jc)
    fuses(ALU_RR[OR][1], JCC[0][13], or16_rr_jd)
    fuses(ALU_RR[OR][1], JCC[0][14], or16_rr_je)
    fuses(ALU_RR[OR][1], JCC[0][15], or16_rr_jf)
    fuses(ALU_RR[OR][2], JCC[0][2], or32_rr_j2)
    fuses(ALU_RR[OR][2], JCC[0][3], or32_rr_j3)
    fuses(ALU_RR[OR][2], JCC[0][4], or32_rr_j4)
    fuses(ALU_RR[OR][2], JCC[0][5], or32_rr_j5)
    fuses(ALU_RR[OR][2], JCC[0][6], or32_rr_j6)
    fuses(ALU_RR[OR][2], JCC[0][7], or32_rr_j7)
    fuses(ALU_RR[OR][2], JCC[0][8], or32_rr_j8)
    fuses(ALU_RR[OR][2], JCC[0][9], or32_rr_j9)
    fuses(ALU_RR[OR][2], JCC[0][12], or32_rr_jc)
    fuses(ALU_RR[OR][2], JCC[0][13], or32_rr_jd)
    fuses(ALU_RR[OR][2], JCC[0][14], or32_rr_je)
    fuses(ALU_RR[OR][2], JCC[0][15], or32_rr_jf)
    fuses(ALU_RR[CMP][0], JCC[0][2], cmp8_rr_j2)
    fuses(ALU_RR[CMP][0], JCC[0][3], cmp8_rr_j3)
    fuses(ALU_RR[CMP][0], JCC[0][4], cmp8_rr_j4)
    fuses(ALU_RR[CMP][0], JCC[0][5], cmp8_rr_j5)
    fuses(ALU_RR[CMP][0], JCC[0][6], cmp8_rr_j6)
    fuses(ALU_RR[CMP][0], JCC[0][7], cmp8_rr_j7)
    fuses(ALU_RR[CMP][0], JCC[0][8], cmp8_rr_j8)
    fuses(ALU_RR[CMP][0], JCC[0][9], cmp8_rr_j9)
    fuses(ALU_RR[CMP][0], JCC[0][12], cmp8_rr_jc)
    fuses(ALU_RR[CMP][0], JCC[0][13], cmp8_rr_jd)
    fuses(ALU_RR[CMP][0], JCC[0][14], cmp8_rr_je)
    fuses(ALU_RR[CMP][0], JCC[0][15], cmp8_rr_jf)
    fuses(ALU_RR[CMP][1], JCC[0][2], cmp16_rr_j2)
    fuses(ALU_RR[CMP][1], JCC[0][3], cmp16_rr_j3)
    fuses(ALU_RR[CMP][1], JCC[0][4], cmp16_rr_j4)
    fuses(ALU_RR[CMP][1], JCC[0][5], cmp16_rr_j5)
    fuses(ALU_RR[CMP][1], JCC[0][6], cmp16_rr_j6)
    fuses(ALU_RR[CMP][1], JCC[0][7], cmp16_rr_j7)
    fuses(ALU_RR[CMP][1], JCC[0][8], cmp16_rr_j8)
    fuses(ALU_RR[CMP][1], JCC[0][9], cmp16_rr_j9)
    fuses(ALU_RR[CMP][1], JCC[0][12], cmp16_rr_jc)
    fuses(ALU_RR[CMP][1], JCC[0][13], cmp16_rr_jd)
    fuses(ALU_RR[CMP][1], JCC[0][14], cmp16_rr_je)
    fuses(ALU_RR[CMP][1], JCC[0][15], cmp16_rr_jf)
    fuses(ALU_RR[CMP][2], JCC[0][2], cmp32_rr_j2)
    fuses(ALU_RR[CMP][2], JCC[0][3], cmp32_rr_j3)
    fuses(ALU_RR[CMP][2], JCC[0][4], cmp32_rr_j4)
    fuses(ALU_RR[CMP][2], JCC[0][5], cmp32_rr_j5)
    fuses(ALU_RR[CMP][2], JCC[0][6], cmp32_rr_j6)
    fuses(ALU_RR[CMP][2], JCC[0][7], cmp32_rr_j7)
    fuses(ALU_RR[CMP][2], JCC[0][8], cmp32_rr_j8)
    fuses(ALU_RR[CMP][2], JCC[0][9], cmp32_rr_j9)
    fuses(ALU_RR[CMP][2], JCC[0][12], cmp32_rr_jc)
    fuses(ALU_RR[CMP][2], JCC[0][13], cmp32_rr_jd)
    fuses(ALU_RR[CMP][2], JCC[0][14], cmp32_rr_je)
    fuses(ALU_RR[CMP][2], JCC[0][15], cmp32_rr_jf)
    fuses(ALU_RR[TEST][0], JCC[0][2], test8_rr_j2)
    fuses(ALU_RR[TEST][0], JCC[0][3], test8_rr_j3)
    fuses(ALU_RR[TEST][0], JCC[0][4], test8_rr_j4)
    fuses(ALU_RR[TEST][0], JCC[0][5], test8_rr_j5)
    fuses(ALU_RR[TEST][0], JCC[0][6], test8_rr_j6)
    fuses(ALU_RR[TEST][0], JCC[0][7], test8_rr_j7)
    fuses(ALU_RR[TEST][0], JCC[0][8], test8_rr_j8)
    fuses(ALU_RR[TEST][0], JCC[0][9], test8_rr_j9)
    fuses(ALU_RR[TEST][0], JCC[0][12], test8_rr_jc)
    fuses(ALU_RR[TEST][0], JCC[0][13], test8_rr_jd)
    fuses(ALU_RR[TEST][0], JCC[0][14], test8_rr_je)
    fuses(ALU_RR[TEST][0], JCC[0][15], test8_rr_jf)
    fuses(ALU_RR[TEST][1], JCC[0][2], test16_rr_j2)
    fuses(ALU_RR[TEST][1], JCC[0][3], test16_rr_j3)
    fuses(ALU_RR[TEST][1], JCC[0][4], test16_rr_j4)
    fuses(ALU_RR[TEST][1], JCC[0][5], test16_rr_j5)
    fuses(ALU_RR[TEST][1], JCC[0][6], test16_rr_j6)
    fuses(ALU_RR[TEST][1], JCC[0][7], test16_rr_j7)
    fuses(ALU_RR[TEST][1], JCC[0][8], test16_rr_j8)
    fuses(ALU_RR[TEST][1], JCC[0][9], test16_rr_j9)
    fuses(ALU_RR[TEST][1], JCC[0][12], test16_rr_jc)
    fuses(ALU_RR[TEST][1], JCC[0][13], test16_rr_jd)
    fuses(ALU_RR[TEST][1], JCC[0][14], test16_rr_je)
    fuses(ALU_RR[TEST][1], JCC[0][15], test16_rr_jf)
    fuses(ALU_RR[TEST][2], JCC[0][2], test32_rr_j2)
    fuses(ALU_RR[TEST][2], JCC[0][3], test32_rr_j3)
    fuses(ALU_RR[TEST][2], JCC[0][4], test32_rr_j4)
    fuses(ALU_RR[TEST][2], JCC[0][5], test32_rr_j5)
    fuses(ALU_RR[TEST][2], JCC[0][6], test32_rr_j6)
    fuses(ALU_RR[TEST][2], JCC[0][7], test32_rr_j7)
    fuses(ALU_RR[TEST][2], JCC[0][8], test32_rr_j8)
    fuses(ALU_RR[TEST][2], JCC[0][9], test32_rr_j9)
    fuses(ALU_RR[TEST][2], JCC[0][12], test32_rr_jc)
    fuses(ALU_RR[TEST][2], JCC[0][13], test32_rr_jd)
    fuses(ALU_RR[TEST][2], JCC[0][14], test32_rr_je)
    fuses(ALU_RR[TEST][2], JCC[0][15], test32_rr_jf)
    fuses(ALU_RI[CMP][0], JCC[0][2], cmp8_ri_j2)
    fuses(ALU_RI[CMP][0], JCC[0][3], cmp8_ri_j3)
    fuses(ALU_RI[CMP][0], JCC[0][4], cmp8_ri_j4)
    fuses(ALU_RI[CMP][0], JCC[0][5], cmp8_ri_j5)
    fuses(ALU_RI[CMP][0], JCC[0][6], cmp8_ri_j6)
    fuses(ALU_RI[CMP][0], JCC[0][7], cmp8_ri_j7)
    fuses(ALU_RI[CMP][0], JCC[0][8], cmp8_ri_j8)
    fuses(ALU_RI[CMP][0], JCC[0][9], cmp8_ri_j9)
    fuses(ALU_RI[CMP][0], JCC[0][12], cmp8_ri_jc)
    fuses(ALU_RI[CMP][0], JCC[0][13], cmp8_ri_jd)
    fuses(ALU_RI[CMP][0], JCC[0][14], cmp8_ri_je)
    fuses(ALU_RI[CMP][0], JCC[0][15], cmp8_ri_jf)
    fuses(ALU_RI[CMP][1], JCC[0][2], cmp16_ri_j2)
    fuses(ALU_RI[CMP][1], JCC[0][3], cmp16_ri_j3)
    fuses(ALU_RI[CMP][1], JCC[0][4], cmp16_ri_j4)
    fuses(ALU_RI[CMP][1], JCC[0][5], cmp16_ri_j5)
    fuses(ALU_RI[CMP][1], JCC[0][6], cmp16_ri_j6)
    fuses(ALU_RI[CMP][1], JCC[0][7], cmp16_ri_j7)
    fuses(ALU_RI[CMP][1], JCC[0][8], cmp16_ri_j8)
    fuses(ALU_RI[CMP][1], JCC[0][9], cmp16_ri_j9)
    fuses(ALU_RI[CMP][1], JCC[0][12], cmp16_ri_jc)
    fuses(ALU_RI[CMP][1], JCC[0][13], cmp16_ri_jd)
    fuses(ALU_RI[CMP][1], JCC[0][14], cmp16_ri_je)
    fuses(ALU_RI[CMP][1], JCC[0][15], cmp16_ri_jf)
    fuses(ALU_RI[CMP][2], JCC[0][2], cmp32_ri_j2)
    fuses(ALU_RI[CMP][2], JCC[0][3], cmp32_ri_j3)
    fuses(ALU_RI[CMP][2], JCC[0][4], cmp32_ri_j4)
    fuses(ALU_RI[CMP][2], JCC[0][5], cmp32_ri_j5)
    fuses(ALU_RI[CMP][2], JCC[0][6], cmp32_ri_j6)
    fuses(ALU_RI[CMP][2], JCC[0][7], cmp32_ri_j7)
    fuses(ALU_RI[CMP][2], JCC[0][8], cmp32_ri_j8)
    fuses(ALU_RI[CMP][2], JCC[0][9], cmp32_ri_j9)
    fuses(ALU_RI[CMP][2], JCC[0][12], cmp32_ri_jc)
    fuses(ALU_RI[CMP][2], JCC[0][13], cmp32_ri_jd)
    fuses(ALU_RI[CMP][2], JCC[0][14], cmp32_ri_je)
    fuses(ALU_RI[CMP][2], JCC[0][15], cmp32_ri_jf)
    fuses(ALU_RI[TEST][0], JCC[0][2], test8_ri_j2)
    fuses(ALU_RI[TEST][0], JCC[0][3], test8_ri_j3)
    fuses(ALU_RI[TEST][0], JCC[0][4], test8_ri_j4)
    fuses(ALU_RI[TEST][0], JCC[0][5], test8_ri_j5)
    fuses(ALU_RI[TEST][0], JCC[0][6], test8_ri_j6)
    fuses(ALU_RI[TEST][0], JCC[0][7], test8_ri_j7)
    fuses(ALU_RI[TEST][0], JCC[0][8], test8_ri_j8)
    fuses(ALU_RI[TEST][0], JCC[0][9], test8_ri_j9)
    fuses(ALU_RI[TEST][0], JCC[0][12], test8_ri_jc)
    fuses(ALU_RI[TEST][0], JCC[0][13], test8_ri_jd)
    fuses(ALU_RI[TEST][0], JCC[0][14], test8_ri_je)
    fuses(ALU_RI[TEST][0], JCC[0][15], test8_ri_jf)
    fuses(ALU_RI[TEST][1], JCC[0][2], test16_ri_j2)
    fuses(ALU_RI[TEST][1], JCC[0][3], test16_ri_j3)
    fuses(ALU_RI[TEST][1], JCC[0][4], test16_ri_j4)
    fuses(ALU_RI[TEST][1], JCC[0][5], test16_ri_j5)
    fuses(ALU_RI[TEST][1], JCC[0][6], test16_ri_j6)
    fuses(ALU_RI[TEST][1], JCC[0][7], test16_ri_j7)
    fuses(ALU_RI[TEST][1], JCC[0][8], test16_ri_j8)
    fuses(ALU_RI[TEST][1], JCC[0][9], test16_ri_j9)
    fuses(ALU_RI[TEST][1], JCC[0][12], test16_ri_jc)
    fuses(ALU_RI[TEST][1], JCC[0][13], test16_ri_jd)
    fuses(ALU_RI[TEST][1], JCC[0][14], test16_ri_je)
    fuses(ALU_RI[TEST][1], JCC[0][15], test16_ri_jf)
    fuses(ALU_RI[TEST][2], JCC[0][2], test32_ri_j2)
    fuses(ALU_RI[TEST][2], JCC[0][3], test32_ri_j3)
    fuses(ALU_RI[TEST][2], JCC[0][4], test32_ri_j4)
    fuses(ALU_RI[TEST][2], JCC[0][5], test32_ri_j5)
    fuses(ALU_RI[TEST][2], JCC[0][6], test32_ri_j6)
    fuses(ALU_RI[TEST][2], JCC[0][7], test32_ri_j7)
    fuses(ALU_RI[TEST][2], JCC[0][8], test32_ri_j8)
    fuses(ALU_RI[TEST][2], JCC[0][9], test32_ri_j9)
    fuses(ALU_RI[TEST][2], JCC[0][12], test32_ri_jc)
    fuses(ALU_RI[TEST][2], JCC[0][13], test32_ri_jd)
    fuses(ALU_RI[TEST][2], JCC[0][14], test32_ri_je)
    fuses(ALU_RI[TEST][2], JCC[0][15], test32_ri_jf)
    fuses(ALU_RM[CMP][0], JCC[0][2], cmp8_rm_j2)
    fuses(ALU_RM[CMP][0], JCC[0][3], cmp8_rm_j3)
    fuses(ALU_RM[CMP][0], JCC[0][4], cmp8_rm_j4)
    fuses(ALU_RM[CMP][0], JCC[0][5], cmp8_rm_j5)
    fuses(ALU_RM[CMP][0], JCC[0][6], cmp8_rm_j6)
    fuses(ALU_RM[CMP][0], JCC[0][7], cmp8_rm_j7)
    fuses(ALU_RM[CMP][0], JCC[0][8], cmp8_rm_j8)
    fuses(ALU_RM[CMP][0], JCC[0][9], cmp8_rm_j9)
    fuses(ALU_RM[CMP][0], JCC[0][12], cmp8_rm_jc)
    fuses(ALU_RM[CMP][0], JCC[0][13], cmp8_rm_jd)
    fuses(ALU_RM[CMP][0], JCC[0][14], cmp8_rm_je)
    fuses(ALU_RM[CMP][0], JCC[0][15], cmp8_rm_jf)
    fuses(ALU_RM[CMP][1], JCC[0][2], cmp16_rm_j2)
    fuses(ALU_RM[CMP][1], JCC[0][3], cmp16_rm_j3)
    fuses(ALU_RM[CMP][1], JCC[0][4], cmp16_rm_j4)
    fuses(ALU_RM[CMP][1], JCC[0][5], cmp16_rm_j5)
    fuses(ALU_RM[CMP][1], JCC[0][6], cmp16_rm_j6)
    fuses(ALU_RM[CMP][1], JCC[0][7], cmp16_rm_j7)
    fuses(ALU_RM[CMP][1], JCC[0][8], cmp16_rm_j8)
    fuses(ALU_RM[CMP][1], JCC[0][9], cmp16_rm_j9)
    fuses(ALU_RM[CMP][1], JCC[0][12], cmp16_rm_jc)
    fuses(ALU_RM[CMP][1], JCC[0][13], cmp16_rm_jd)
    fuses(ALU_RM[CMP][1], JCC[0][14], cmp16_rm_je)
    fuses(ALU_RM[CMP][1], JCC[0][15], cmp16_rm_jf)
    fuses(ALU_RM[CMP][2], JCC[0][2], cmp32_rm_j2)
    fuses(ALU_RM[CMP][2], JCC[0][3], cmp32_rm_j3)
    fuses(ALU_RM[CMP][2], JCC[0][4], cmp32_rm_j4)
    fuses(ALU_RM[CMP][2], JCC[0][5], cmp32_rm_j5)
    fuses(ALU_RM[CMP][2], JCC[0][6], cmp32_rm_j6)
    fuses(ALU_RM[CMP][2], JCC[0][7], cmp32_rm_j7)
    fuses(ALU_RM[CMP][2], JCC[0][8], cmp32_rm_j8)
    fuses(ALU_RM[CMP][2], JCC[0][9], cmp32_rm_j9)
    fuses(ALU_RM[CMP][2], JCC[0][12], cmp32_rm_jc)
    fuses(ALU_RM[CMP][2], JCC[0][13], cmp32_rm_jd)
    fuses(ALU_RM[CMP][2], JCC[0][14], cmp32_rm_je)
    fuses(ALU_RM[CMP][2], JCC[0][15], cmp32_rm_jf)
    fuses(ALU_MR[CMP][0], JCC[0][2], cmp8_mr_j2)
    fuses(ALU_MR[CMP][0], JCC[0][3], cmp8_mr_j3)
    fuses(ALU_MR[CMP][0], JCC[0][4], cmp8_mr_j4)
    fuses(ALU_MR[CMP][0], JCC[0][5], cmp8_mr_j5)
    fuses(ALU_MR[CMP][0], JCC[0][6], cmp8_mr_j6)
    fuses(ALU_MR[CMP][0], JCC[0][7], cmp8_mr_j7)
    fuses(ALU_MR[CMP][0], JCC[0][8], cmp8_mr_j8)
    fuses(ALU_MR[CMP][0], JCC[0][9], cmp8_mr_j9)
    fuses(ALU_MR[CMP][0], JCC[0][12], cmp8_mr_jc)
    fuses(ALU_MR[CMP][0], JCC[0][13], cmp8_mr_jd)
    fuses(ALU_MR[CMP][0], JCC[0][14], cmp8_mr_je)
    fuses(ALU_MR[CMP][0], JCC[0][15], cmp8_mr_jf)
    fuses(ALU_MR[CMP][1], JCC[0][2], cmp16_mr_j2)
    fuses(ALU_MR[CMP][1], JCC[0][3], cmp16_mr_j3)
    fuses(ALU_MR[CMP][1], JCC[0][4], cmp16_mr_j4)
    fuses(ALU_MR[CMP][1], JCC[0][5], cmp16_mr_j5)
    fuses(ALU_MR[CMP][1], JCC[0][6], cmp16_mr_j6)
    fuses(ALU_MR[CMP][1], JCC[0][7], cmp16_mr_j7)
    fuses(ALU_MR[CMP][1], JCC[0][8], cmp16_mr_j8)
    fuses(ALU_MR[CMP][1], JCC[0][9], cmp16_mr_j9)
    fuses(ALU_MR[CMP][1], JCC[0][12], cmp16_mr_jc)
    fuses(ALU_MR[CMP][1], JCC[0][13], cmp16_mr_jd)
    fuses(ALU_MR[CMP][1], JCC[0][14], cmp16_mr_je)
    fuses(ALU_MR[CMP][1], JCC[0][15], cmp16_mr_jf)
    fuses(ALU_MR[CMP][2], JCC[0][2], cmp32_mr_j2)
    fuses(ALU_MR[CMP][2], JCC[0][3], cmp32_mr_j3)
    fuses(ALU_MR[CMP][2], JCC[0][4], cmp32_mr_j4)
    fuses(ALU_MR[CMP][2], JCC[0][5], cmp32_mr_j5)
    fuses(ALU_MR[CMP][2], JCC[0][6], cmp32_mr_j6)
    fuses(ALU_MR[CMP][2], JCC[0][7], cmp32_mr_j7)
    fuses(ALU_MR[CMP][2], JCC[0][8], cmp32_mr_j8)
    fuses(ALU_MR[CMP][2], JCC[0][9], cmp32_mr_j9)
    fuses(ALU_MR[CMP][2], JCC[0][12], cmp32_mr_jc)
    fuses(ALU_MR[CMP][2], JCC[0][13], cmp32_mr_jd)
    fuses(ALU_MR[CMP][2], JCC[0][14], cmp32_mr_je)
    fuses(ALU_MR[CMP][2], JCC[0][15], cmp32_mr_jf)
    fuses(ALU_MI[CMP][0], JCC[0][2], cmp8_mi_j2)
    fuses(ALU_MI[CMP][0], JCC[0][3], cmp8_mi_j3)
    fuses(ALU_MI[CMP][0], JCC[0][4], cmp8_mi_j4)
    fuses(ALU_MI[CMP][0], JCC[0][5], cmp8_mi_j5)
    fuses(ALU_MI[CMP][0], JCC[0][6], cmp8_mi_j6)
    fuses(ALU_MI[CMP][0], JCC[0][7], cmp8_mi_j7)
    fuses(ALU_MI[CMP][0], JCC[0][8], cmp8_mi_j8)
    fuses(ALU_MI[CMP][0], JCC[0][9], cmp8_mi_j9)
    fuses(ALU_MI[CMP][0], JCC[0][12], cmp8_mi_jc)
    fuses(ALU_MI[CMP][0], JCC[0][13], cmp8_mi_jd)
    fuses(ALU_MI[CMP][0], JCC[0][14], cmp8_mi_je)
    fuses(ALU_MI[CMP][0], JCC[0][15], cmp8_mi_jf)
    fuses(ALU_MI[CMP][1], JCC[0][2], cmp16_mi_j2)
    fuses(ALU_MI[CMP][1], JCC[0][3], cmp16_mi_j3)
    fuses(ALU_MI[CMP][1], JCC[0][4], cmp16_mi_j4)
    fuses(ALU_MI[CMP][1], JCC[0][5], cmp16_mi_j5)
    fuses(ALU_MI[CMP][1], JCC[0][6], cmp16_mi_j6)
    fuses(ALU_MI[CMP][1], JCC[0][7], cmp16_mi_j7)
    fuses(ALU_MI[CMP][1], JCC[0][8], cmp16_mi_j8)
    fuses(ALU_MI[CMP][1], JCC[0][9], cmp16_mi_j9)
    fuses(ALU_MI[CMP][1], JCC[0][12], cmp16_mi_jc)
    fuses(ALU_MI[CMP][1], JCC[0][13], cmp16_mi_jd)
    fuses(ALU_MI[CMP][1], JCC[0][14], cmp16_mi_je)
    fuses(ALU_MI[CMP][1], JCC[0][15], cmp16_mi_jf)
    fuses(ALU_MI[CMP][2], JCC[0][2], cmp32_mi_j2)
    fuses(ALU_MI[CMP][2], JCC[0][3], cmp32_mi_j3)
    fuses(ALU_MI[CMP][2], JCC[0][4], cmp32_mi_j4)
    fuses(ALU_MI[CMP][2], JCC[0][5], cmp32_mi_j5)
    fuses(ALU_MI[CMP][2], JCC[0][6], cmp32_mi_j6)
    fuses(ALU_MI[CMP][2], JCC[0][7], cmp32_mi_j7)
    fuses(ALU_MI[CMP][2], JCC[0][8], cmp32_mi_j8)
    fuses(ALU_MI[CMP][2], JCC[0][9], cmp32_mi_j9)
    fuses(ALU_MI[CMP][2], JCC[0][12], cmp32_mi_jc)
    fuses(ALU_MI[CMP][2], JCC[0][13], cmp32_mi_jd)
    fuses(ALU_MI[CMP][2], JCC[0][14], cmp32_mi_je)
    fuses(ALU_MI[CMP][2], JCC[0][15], cmp32_mi_jf)
    fuses(ALU_MI[TEST][0], JCC[0][2], test8_mi_j2)
    fuses(ALU_MI[TEST][0], JCC[0][3], test8_mi_j3)
    fuses(ALU_MI[TEST][0], JCC[0][4], test8_mi_j4)
    fuses(ALU_MI[TEST][0], JCC[0][5], test8_mi_j5)
    fuses(ALU_MI[TEST][0], JCC[0][6], test8_mi_j6)
    fuses(ALU_MI[TEST][0], JCC[0][7], test8_mi_j7)
    fuses(ALU_MI[TEST][0], JCC[0][8], test8_mi_j8)
    fuses(ALU_MI[TEST][0], JCC[0][9], test8_mi_j9)
    fuses(ALU_MI[TEST][0], JCC[0][12], test8_mi_jc)
    fuses(ALU_MI[TEST][0], JCC[0][13], test8_mi_jd)
    fuses(ALU_MI[TEST][0], JCC[0][14], test8_mi_je)
    fuses(ALU_MI[TEST][0], JCC[0][15], test8_mi_jf)
    fuses(ALU_MI[TEST][1], JCC[0][2], test16_mi_j2)
    fuses(ALU_MI[TEST][1], JCC[0][3], test16_mi_j3)
    fuses(ALU_MI[TEST][1], JCC[0][4], test16_mi_j4)
    fuses(ALU_MI[TEST][1], JCC[0][5], test16_mi_j5)
    fuses(ALU_MI[TEST][1], JCC[0][6], test16_mi_j6)
    fuses(ALU_MI[TEST][1], JCC[0][7], test16_mi_j7)
    fuses(ALU_MI[TEST][1], JCC[0][8], test16_mi_j8)
    fuses(ALU_MI[TEST][1], JCC[0][9], test16_mi_j9)
    fuses(ALU_MI[TEST][1], JCC[0][12], test16_mi_jc)
    fuses(ALU_MI[TEST][1], JCC[0][13], test16_mi_jd)
    fuses(ALU_MI[TEST][1], JCC[0][14], test16_mi_je)
    fuses(ALU_MI[TEST][1], JCC[0][15], test16_mi_jf)
    fuses(ALU_MI[TEST][2], JCC[0][2], test32_mi_j2)
    fuses(ALU_MI[TEST][2], JCC[0][3], test32_mi_j3)
    fuses(ALU_MI[TEST][2], JCC[0][4], test32_mi_j4)
    fuses(ALU_MI[TEST][2], JCC[0][5], test32_mi_j5)
    fuses(ALU_MI[TEST][2], JCC[0][6], test32_mi_j6)
    fuses(ALU_MI[TEST][2], JCC[0][7], test32_mi_j7)
    fuses(ALU_MI[TEST][2], JCC[0][8], test32_mi_j8)
    fuses(ALU_MI[TEST][2], JCC[0][9], test32_mi_j9)
    fuses(ALU_MI[TEST][2], JCC[0][12], test32_mi_jc)
    fuses(ALU_MI[TEST][2], JCC[0][13], test32_mi_jd)
    fuses(ALU_MI[TEST][2], JCC[0][14], test32_mi_je)
    fuses(ALU_MI[TEST][2], JCC[0][15], test32_mi_jf)
    fuses(UNARY_R[DEC][0], JCC[0][2], dec8_r_j2)
    fuses(UNARY_R[DEC][0], JCC[0][3], dec8_r_j3)
    fuses(UNARY_R[DEC][0], JCC[0][4], dec8_r_j4)
    fuses(UNARY_R[DEC][0], JCC[0][5], dec8_r_j5)
    fuses(UNARY_R[DEC][0], JCC[0][6], dec8_r_j6)
    fuses(UNARY_R[DEC][0], JCC[0][7], dec8_r_j7)
    fuses(UNARY_R[DEC][0], JCC[0][8], dec8_r_j8)
    fuses(UNARY_R[DEC][0], JCC[0][9], dec8_r_j9)
    fuses(UNARY_R[DEC][0], JCC[0][12], dec8_r_jc)
    fuses(UNARY_R[DEC][0], JCC[0][13], dec8_r_jd)
    fuses(UNARY_R[DEC][0], JCC[0][14], dec8_r_je)
    fuses(UNARY_R[DEC][0], JCC[0][15], dec8_r_jf)
    fuses(UNARY_R[DEC][1], JCC[0][2], dec16_r_j2)
    fuses(UNARY_R[DEC][1], JCC[0][3], dec16_r_j3)
    fuses(UNARY_R[DEC][1], JCC[0][4], dec16_r_j4)
    fuses(UNARY_R[DEC][1], JCC[0][5], dec16_r_j5)
    fuses(UNARY_R[DEC][1], JCC[0][6], dec16_r_j6)
    fuses(UNARY_R[DEC][1], JCC[0][7], dec16_r_j7)
    fuses(UNARY_R[DEC][1], JCC[0][8], dec16_r_j8)
    fuses(UNARY_R[DEC][1], JCC[0][9], dec16_r_j9)
    fuses(UNARY_R[DEC][1], JCC[0][12], dec16_r_jc)
    fuses(UNARY_R[DEC][1], JCC[0][13], dec16_r_jd)
    fuses(UNARY_R[DEC][1], JCC[0][14], dec16_r_je)
    fuses(UNARY_R[DEC][1], JCC[0][15], dec16_r_jf)
    fuses(UNARY_R[DEC][2], JCC[0][2], dec32_r_j2)
    fuses(UNARY_R[DEC][2], JCC[0][3], dec32_r_j3)
    fuses(UNARY_R[DEC][2], JCC[0][4], dec32_r_j4)
    fuses(UNARY_R[DEC][2], JCC[0][5], dec32_r_j5)
    fuses(UNARY_R[DEC][2], JCC[0][6], dec32_r_j6)
    fuses(UNARY_R[DEC][2], JCC[0][7], dec32_r_j7)
    fuses(UNARY_R[DEC][2], JCC[0][8], dec32_r_j8)
    fuses(UNARY_R[DEC][2], JCC[0][9], dec32_r_j9)
    fuses(UNARY_R[DEC][2], JCC[0][12], dec32_r_jc)
    fuses(UNARY_R[DEC][2], JCC[0][13], dec32_r_jd)
    fuses(UNARY_R[DEC][2], JCC[0][14], dec32_r_je)
    fuses(UNARY_R[DEC][2], JCC[0][15], dec32_r_jf)
    fuses(ALU_RI[CMP][0], PREDICATE[0][2], cmp8_ri_p2)
    fuses(ALU_RI[CMP][0], PREDICATE[0][3], cmp8_ri_p3)
    fuses(ALU_RI[CMP][0], PREDICATE[0][4], cmp8_ri_p4)
    fuses(ALU_RI[CMP][0], PREDICATE[0][5], cmp8_ri_p5)
    fuses(ALU_RI[CMP][0], PREDICATE[0][6], cmp8_ri_p6)
    fuses(ALU_RI[CMP][0], PREDICATE[0][7], cmp8_ri_p7)
    fuses(ALU_RI[CMP][0], PREDICATE[0][8], cmp8_ri_p8)
    fuses(ALU_RI[CMP][0], PREDICATE[0][9], cmp8_ri_p9)
    fuses(ALU_RI[CMP][0], PREDICATE[0][12], cmp8_ri_pc)
    fuses(ALU_RI[CMP][0], PREDICATE[0][13], cmp8_ri_pd)
    fuses(ALU_RI[CMP][0], PREDICATE[0][14], cmp8_ri_pe)
    fuses(ALU_RI[CMP][0], PREDICATE[0][15], cmp8_ri_pf)
    fuses(ALU_RI[CMP][1], PREDICATE[0][2], cmp16_ri_p2)
    fuses(ALU_RI[CMP][1], PREDICATE[0][3], cmp16_ri_p3)
    fuses(ALU_RI[CMP][1], PREDICATE[0][4], cmp16_ri_p4)
    fuses(ALU_RI[CMP][1], PREDICATE[0][5], cmp16_ri_p5)
    fuses(ALU_RI[CMP][1], PREDICATE[0][6], cmp16_ri_p6)
    fuses(ALU_RI[CMP][1], PREDICATE[0][7], cmp16_ri_p7)
    fuses(ALU_RI[CMP][1], PREDICATE[0][8], cmp16_ri_p8)
    fuses(ALU_RI[CMP][1], PREDICATE[0][9], cmp16_ri_p9)
    fuses(ALU_RI[CMP][1], PREDICATE[0][12], cmp16_ri_pc)
    fuses(ALU_RI[CMP][1], PREDICATE[0][13], cmp16_ri_pd)
    fuses(ALU_RI[CMP][1], PREDICATE[0][14], cmp16_ri_pe)
    fuses(ALU_RI[CMP][1], PREDICATE[0][15], cmp16_ri_pf)
    fuses(ALU_RI[CMP][2], PREDICATE[0][2], cmp32_ri_p2)
    fuses(ALU_RI[CMP][2], PREDICATE[0][3], cmp32_ri_p3)
    fuses(ALU_RI[CMP][2], PREDICATE[0][4], cmp32_ri_p4)
    fuses(ALU_RI[CMP][2], PREDICATE[0][5], cmp32_ri_p5)
    fuses(ALU_RI[CMP][2], PREDICATE[0][6], cmp32_ri_p6)
    fuses(ALU_RI[CMP][2], PREDICATE[0][7], cmp32_ri_p7)
    fuses(ALU_RI[CMP][2], PREDICATE[0][8], cmp32_ri_p8)
    fuses(ALU_RI[CMP][2], PREDICATE[0][9], cmp32_ri_p9)
    fuses(ALU_RI[CMP][2], PREDICATE[0][12], cmp32_ri_pc)
    fuses(ALU_RI[CMP][2], PREDICATE[0][13], cmp32_ri_pd)
    fuses(ALU_RI[CMP][2], PREDICATE[0][14], cmp32_ri_pe)
    fuses(ALU_RI[CMP][2], PREDICATE[0][15], cmp32_ri_pf)
    runs(push16_r, 2, push16_r_x2)
    runs(push16_r, 3, push16_r_x3)
    runs(push16_r, 4, push16_r_x4)
    runs(push16_r, 5, push16_r_x5)
    runs(push16_r, 6, push16_r_x6)
    runs(push16_r, 7, push16_r_x7)
    runs(push16_r, 8, push16_r_x8)
    runs(pop16_r, 2, pop16_r_x2)
    runs(pop16_r, 3, pop16_r_x3)
    runs(pop16_r, 4, pop16_r_x4)
    runs(pop16_r, 5, pop16_r_x5)
    runs(pop16_r, 6, pop16_r_x6)
    runs(pop16_r, 7, pop16_r_x7)
    runs(pop16_r, 8, pop16_r_x8)


fill_grid()
