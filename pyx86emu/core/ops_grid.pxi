# Written by make_grid.py; do not edit: instances of the templates, and their tables.

cdef Op* add8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 1)

cdef Op* add16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 2)

cdef Op* add32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADD, 4)

cdef Op* or8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 1)

cdef Op* or16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 2)

cdef Op* or32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, OR, 4)

cdef Op* adc8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 1)

cdef Op* adc16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 2)

cdef Op* adc32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, ADC, 4)

cdef Op* sbb8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 1)

cdef Op* sbb16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 2)

cdef Op* sbb32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SBB, 4)

cdef Op* and8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 1)

cdef Op* and16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 2)

cdef Op* and32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, AND, 4)

cdef Op* sub8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 1)

cdef Op* sub16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 2)

cdef Op* sub32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, SUB, 4)

cdef Op* xor8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 1)

cdef Op* xor16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 2)

cdef Op* xor32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, XOR, 4)

cdef Op* cmp8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 1)

cdef Op* cmp16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 2)

cdef Op* cmp32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, CMP, 4)

cdef Op* test8_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 1)

cdef Op* test16_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 2)

cdef Op* test32_rr(CPU* c, Op* o) noexcept nogil:
    return alu_rr(c, o, TEST, 4)

cdef Op* add8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 1)

cdef Op* add16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 2)

cdef Op* add32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADD, 4)

cdef Op* or8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 1)

cdef Op* or16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 2)

cdef Op* or32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, OR, 4)

cdef Op* adc8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 1)

cdef Op* adc16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 2)

cdef Op* adc32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, ADC, 4)

cdef Op* sbb8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 1)

cdef Op* sbb16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 2)

cdef Op* sbb32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SBB, 4)

cdef Op* and8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 1)

cdef Op* and16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 2)

cdef Op* and32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, AND, 4)

cdef Op* sub8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 1)

cdef Op* sub16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 2)

cdef Op* sub32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, SUB, 4)

cdef Op* xor8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 1)

cdef Op* xor16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 2)

cdef Op* xor32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, XOR, 4)

cdef Op* cmp8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 1)

cdef Op* cmp16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 2)

cdef Op* cmp32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, CMP, 4)

cdef Op* test8_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 1)

cdef Op* test16_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 2)

cdef Op* test32_ri(CPU* c, Op* o) noexcept nogil:
    return alu_ri(c, o, TEST, 4)

cdef Op* add8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 1)

cdef Op* add16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 2)

cdef Op* add32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADD, 4)

cdef Op* or8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 1)

cdef Op* or16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 2)

cdef Op* or32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, OR, 4)

cdef Op* adc8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 1)

cdef Op* adc16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 2)

cdef Op* adc32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, ADC, 4)

cdef Op* sbb8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 1)

cdef Op* sbb16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 2)

cdef Op* sbb32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SBB, 4)

cdef Op* and8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 1)

cdef Op* and16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 2)

cdef Op* and32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, AND, 4)

cdef Op* sub8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 1)

cdef Op* sub16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 2)

cdef Op* sub32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, SUB, 4)

cdef Op* xor8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 1)

cdef Op* xor16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 2)

cdef Op* xor32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, XOR, 4)

cdef Op* cmp8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 1)

cdef Op* cmp16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 2)

cdef Op* cmp32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, CMP, 4)

cdef Op* test8_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 1)

cdef Op* test16_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 2)

cdef Op* test32_rm(CPU* c, Op* o) noexcept nogil:
    return alu_rm(c, o, TEST, 4)

cdef Op* add8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 1)

cdef Op* add16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 2)

cdef Op* add32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADD, 4)

cdef Op* or8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 1)

cdef Op* or16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 2)

cdef Op* or32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, OR, 4)

cdef Op* adc8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 1)

cdef Op* adc16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 2)

cdef Op* adc32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, ADC, 4)

cdef Op* sbb8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 1)

cdef Op* sbb16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 2)

cdef Op* sbb32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SBB, 4)

cdef Op* and8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 1)

cdef Op* and16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 2)

cdef Op* and32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, AND, 4)

cdef Op* sub8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 1)

cdef Op* sub16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 2)

cdef Op* sub32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, SUB, 4)

cdef Op* xor8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 1)

cdef Op* xor16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 2)

cdef Op* xor32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, XOR, 4)

cdef Op* cmp8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 1)

cdef Op* cmp16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 2)

cdef Op* cmp32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, CMP, 4)

cdef Op* test8_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 1)

cdef Op* test16_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 2)

cdef Op* test32_mr(CPU* c, Op* o) noexcept nogil:
    return alu_mr(c, o, TEST, 4)

cdef Op* add8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 1)

cdef Op* add16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 2)

cdef Op* add32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADD, 4)

cdef Op* or8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 1)

cdef Op* or16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 2)

cdef Op* or32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, OR, 4)

cdef Op* adc8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 1)

cdef Op* adc16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 2)

cdef Op* adc32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, ADC, 4)

cdef Op* sbb8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 1)

cdef Op* sbb16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 2)

cdef Op* sbb32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SBB, 4)

cdef Op* and8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 1)

cdef Op* and16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 2)

cdef Op* and32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, AND, 4)

cdef Op* sub8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 1)

cdef Op* sub16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 2)

cdef Op* sub32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, SUB, 4)

cdef Op* xor8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 1)

cdef Op* xor16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 2)

cdef Op* xor32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, XOR, 4)

cdef Op* cmp8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 1)

cdef Op* cmp16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 2)

cdef Op* cmp32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, CMP, 4)

cdef Op* test8_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 1)

cdef Op* test16_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 2)

cdef Op* test32_mi(CPU* c, Op* o) noexcept nogil:
    return alu_mi(c, o, TEST, 4)

cdef Op* inc8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 1)

cdef Op* inc16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 2)

cdef Op* inc32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, INC, 4)

cdef Op* dec8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 1)

cdef Op* dec16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 2)

cdef Op* dec32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, DEC, 4)

cdef Op* not8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 1)

cdef Op* not16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 2)

cdef Op* not32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NOT, 4)

cdef Op* neg8_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 1)

cdef Op* neg16_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 2)

cdef Op* neg32_r(CPU* c, Op* o) noexcept nogil:
    return unary_r(c, o, NEG, 4)

cdef Op* inc8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 1)

cdef Op* inc16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 2)

cdef Op* inc32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, INC, 4)

cdef Op* dec8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 1)

cdef Op* dec16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 2)

cdef Op* dec32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, DEC, 4)

cdef Op* not8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 1)

cdef Op* not16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 2)

cdef Op* not32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NOT, 4)

cdef Op* neg8_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 1)

cdef Op* neg16_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 2)

cdef Op* neg32_m(CPU* c, Op* o) noexcept nogil:
    return unary_m(c, o, NEG, 4)

cdef Op* rol8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 1)

cdef Op* rol16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 2)

cdef Op* rol32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROL, 4)

cdef Op* ror8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 1)

cdef Op* ror16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 2)

cdef Op* ror32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, ROR, 4)

cdef Op* rcl8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 1)

cdef Op* rcl16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 2)

cdef Op* rcl32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCL, 4)

cdef Op* rcr8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 1)

cdef Op* rcr16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 2)

cdef Op* rcr32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, RCR, 4)

cdef Op* shl8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 1)

cdef Op* shl16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 2)

cdef Op* shl32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHL, 4)

cdef Op* shr8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 1)

cdef Op* shr16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 2)

cdef Op* shr32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SHR, 4)

cdef Op* setmo8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 1)

cdef Op* setmo16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 2)

cdef Op* setmo32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SETMO, 4)

cdef Op* sar8_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 1)

cdef Op* sar16_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 2)

cdef Op* sar32_ri(CPU* c, Op* o) noexcept nogil:
    return shift_ri(c, o, SAR, 4)

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

cdef Op* mov_rm8(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 1)

cdef Op* mov_rm16(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 2)

cdef Op* mov_rm32(CPU* c, Op* o) noexcept nogil:
    return mov_rm(c, o, 4)

cdef Op* mov_mr8(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 1)

cdef Op* mov_mr16(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 2)

cdef Op* mov_mr32(CPU* c, Op* o) noexcept nogil:
    return mov_mr(c, o, 4)

cdef Op* mov_mi8(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 1)

cdef Op* mov_mi16(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 2)

cdef Op* mov_mi32(CPU* c, Op* o) noexcept nogil:
    return mov_mi(c, o, 4)

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

cdef Op* movs8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 1)

cdef Op* movs16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 2)

cdef Op* movs32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_MOVS, 4)

cdef Op* stos8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 1)

cdef Op* stos16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 2)

cdef Op* stos32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_STOS, 4)

cdef Op* lods8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 1)

cdef Op* lods16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 2)

cdef Op* lods32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_LODS, 4)

cdef Op* cmps8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 1)

cdef Op* cmps16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 2)

cdef Op* cmps32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_CMPS, 4)

cdef Op* scas8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 1)

cdef Op* scas16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 2)

cdef Op* scas32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_SCAS, 4)

cdef Op* ins8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 1)

cdef Op* ins16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 2)

cdef Op* ins32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_INS, 4)

cdef Op* outs8(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 1)

cdef Op* outs16(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 2)

cdef Op* outs32(CPU* c, Op* o) noexcept nogil:
    return string(c, o, S_OUTS, 4)

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


cdef Fn ALU_RR[9][3]
cdef Fn ALU_RI[9][3]
cdef Fn ALU_RM[9][3]
cdef Fn ALU_MR[9][3]
cdef Fn ALU_MI[9][3]
cdef Fn UNARY_R[4][3]
cdef Fn UNARY_M[4][3]
cdef Fn SHIFT_RI[8][3]
cdef Fn SHIFT_RC[8][3]
cdef Fn MOV_RR[1][3]
cdef Fn MOV_RI[1][3]
cdef Fn MOV_RM[1][3]
cdef Fn MOV_MR[1][3]
cdef Fn MOV_MI[1][3]
cdef Fn XCHG_RR[1][3]
cdef Fn LOAD_TMP[1][3]
cdef Fn STORE_TMP[1][3]
cdef Fn STORE_BACK[1][3]
cdef Fn LOCK_LOAD[1][3]
cdef Fn LOCK_STORE[1][3]
cdef Fn CMPXCHG[1][3]
cdef Fn XADD[1][3]
cdef Fn FLUID_IMM[1][3]
cdef Fn STRING[7][3]
cdef Fn JCC[1][16]


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
    MOV_RM[0][0] = mov_rm8
    MOV_RM[0][1] = mov_rm16
    MOV_RM[0][2] = mov_rm32
    MOV_MR[0][0] = mov_mr8
    MOV_MR[0][1] = mov_mr16
    MOV_MR[0][2] = mov_mr32
    MOV_MI[0][0] = mov_mi8
    MOV_MI[0][1] = mov_mi16
    MOV_MI[0][2] = mov_mi32
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


fill_grid()
