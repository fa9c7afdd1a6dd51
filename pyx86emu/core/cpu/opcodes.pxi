# The opcode grid lives here: one line per opcode, in numeric order, names its operand form and its handler.
#
# The comment of a line is the opcode, the mnemonic and Intel's operand codes (80386 PRM, appendix A): E is r/m, G a
# register, I an immediate; b a byte, v a word or dword. So `grep '# D4'` finds AAM. Nothing is executed here. Every arm
# compares one local with a constant, so that the C compiler makes a switch of it.

cdef void opcode(Dec* d, uint32_t byte) noexcept nogil:
    cdef uint32_t op = byte
    cdef int v = d.os
    if d.c.m.level == 0:                                      # 8086: opcodes of later models repeat others
        if op >> 4 == 6:
            op |= 0x10
        elif op == 0xC0 or op == 0xC1 or op == 0xC8 or op == 0xC9:
            op |= 2
    # -- 00 .. 0F ------------------------------------------------------------
    if op == 0x00: alu_eg(d, ADD, 1)                          # 00 ADD Eb,Gb
    elif op == 0x01: alu_eg(d, ADD, v)                        # 01 ADD Ev,Gv
    elif op == 0x02: alu_ge(d, ADD, 1)                        # 02 ADD Gb,Eb
    elif op == 0x03: alu_ge(d, ADD, v)                        # 03 ADD Gv,Ev
    elif op == 0x04: alu_ai(d, ADD, 1)                        # 04 ADD AL,Ib
    elif op == 0x05: alu_ai(d, ADD, v)                        # 05 ADD eAX,Iv
    elif op == 0x06: push_seg(d, ES)                          # 06 PUSH ES
    elif op == 0x07: pop_seg(d, ES)                           # 07 POP ES
    elif op == 0x08: alu_eg(d, OR, 1)                         # 08 OR Eb,Gb
    elif op == 0x09: alu_eg(d, OR, v)                         # 09 OR Ev,Gv
    elif op == 0x0A: alu_ge(d, OR, 1)                         # 0A OR Gb,Eb
    elif op == 0x0B: alu_ge(d, OR, v)                         # 0B OR Gv,Ev
    elif op == 0x0C: alu_ai(d, OR, 1)                         # 0C OR AL,Ib
    elif op == 0x0D: alu_ai(d, OR, v)                         # 0D OR eAX,Iv
    elif op == 0x0E: push_seg(d, CS)                          # 0E PUSH CS
    elif op == 0x0F: opcode_0f(d)                             # 0F two-byte opcodes; POP CS on the 8086
    # -- 10 .. 1F ------------------------------------------------------------
    elif op == 0x10: alu_eg(d, ADC, 1)                        # 10 ADC Eb,Gb
    elif op == 0x11: alu_eg(d, ADC, v)                        # 11 ADC Ev,Gv
    elif op == 0x12: alu_ge(d, ADC, 1)                        # 12 ADC Gb,Eb
    elif op == 0x13: alu_ge(d, ADC, v)                        # 13 ADC Gv,Ev
    elif op == 0x14: alu_ai(d, ADC, 1)                        # 14 ADC AL,Ib
    elif op == 0x15: alu_ai(d, ADC, v)                        # 15 ADC eAX,Iv
    elif op == 0x16: push_seg(d, SS)                          # 16 PUSH SS
    elif op == 0x17: pop_seg(d, SS)                           # 17 POP SS
    elif op == 0x18: alu_eg(d, SBB, 1)                        # 18 SBB Eb,Gb
    elif op == 0x19: alu_eg(d, SBB, v)                        # 19 SBB Ev,Gv
    elif op == 0x1A: alu_ge(d, SBB, 1)                        # 1A SBB Gb,Eb
    elif op == 0x1B: alu_ge(d, SBB, v)                        # 1B SBB Gv,Ev
    elif op == 0x1C: alu_ai(d, SBB, 1)                        # 1C SBB AL,Ib
    elif op == 0x1D: alu_ai(d, SBB, v)                        # 1D SBB eAX,Iv
    elif op == 0x1E: push_seg(d, DS)                          # 1E PUSH DS
    elif op == 0x1F: pop_seg(d, DS)                           # 1F POP DS
    # -- 20 .. 2F ------------------------------------------------------------
    elif op == 0x20: alu_eg(d, AND, 1)                        # 20 AND Eb,Gb
    elif op == 0x21: alu_eg(d, AND, v)                        # 21 AND Ev,Gv
    elif op == 0x22: alu_ge(d, AND, 1)                        # 22 AND Gb,Eb
    elif op == 0x23: alu_ge(d, AND, v)                        # 23 AND Gv,Ev
    elif op == 0x24: alu_ai(d, AND, 1)                        # 24 AND AL,Ib
    elif op == 0x25: alu_ai(d, AND, v)                        # 25 AND eAX,Iv
    elif op == 0x27: plain(d, daa)                            # 27 DAA
    elif op == 0x28: alu_eg(d, SUB, 1)                        # 28 SUB Eb,Gb
    elif op == 0x29: alu_eg(d, SUB, v)                        # 29 SUB Ev,Gv
    elif op == 0x2A: alu_ge(d, SUB, 1)                        # 2A SUB Gb,Eb
    elif op == 0x2B: alu_ge(d, SUB, v)                        # 2B SUB Gv,Ev
    elif op == 0x2C: alu_ai(d, SUB, 1)                        # 2C SUB AL,Ib
    elif op == 0x2D: alu_ai(d, SUB, v)                        # 2D SUB eAX,Iv
    elif op == 0x2F: plain(d, das)                            # 2F DAS
    # -- 30 .. 3F ------------------------------------------------------------
    elif op == 0x30: alu_eg(d, XOR, 1)                        # 30 XOR Eb,Gb
    elif op == 0x31: alu_eg(d, XOR, v)                        # 31 XOR Ev,Gv
    elif op == 0x32: alu_ge(d, XOR, 1)                        # 32 XOR Gb,Eb
    elif op == 0x33: alu_ge(d, XOR, v)                        # 33 XOR Gv,Ev
    elif op == 0x34: alu_ai(d, XOR, 1)                        # 34 XOR AL,Ib
    elif op == 0x35: alu_ai(d, XOR, v)                        # 35 XOR eAX,Iv
    elif op == 0x37: plain(d, aaa)                            # 37 AAA
    elif op == 0x38: alu_eg(d, CMP, 1)                        # 38 CMP Eb,Gb
    elif op == 0x39: alu_eg(d, CMP, v)                        # 39 CMP Ev,Gv
    elif op == 0x3A: alu_ge(d, CMP, 1)                        # 3A CMP Gb,Eb
    elif op == 0x3B: alu_ge(d, CMP, v)                        # 3B CMP Gv,Ev
    elif op == 0x3C: alu_ai(d, CMP, 1)                        # 3C CMP AL,Ib
    elif op == 0x3D: alu_ai(d, CMP, v)                        # 3D CMP eAX,Iv
    elif op == 0x3F: plain(d, aas)                            # 3F AAS
    # -- 40 .. 4F ------------------------------------------------------------
    elif op == 0x40: unary_reg(d, INC, AX)                    # 40 INC eAX
    elif op == 0x41: unary_reg(d, INC, CX)                    # 41 INC eCX
    elif op == 0x42: unary_reg(d, INC, DX)                    # 42 INC eDX
    elif op == 0x43: unary_reg(d, INC, BX)                    # 43 INC eBX
    elif op == 0x44: unary_reg(d, INC, SP)                    # 44 INC eSP
    elif op == 0x45: unary_reg(d, INC, BP)                    # 45 INC eBP
    elif op == 0x46: unary_reg(d, INC, SI)                    # 46 INC eSI
    elif op == 0x47: unary_reg(d, INC, DI)                    # 47 INC eDI
    elif op == 0x48: unary_reg(d, DEC, AX)                    # 48 DEC eAX
    elif op == 0x49: unary_reg(d, DEC, CX)                    # 49 DEC eCX
    elif op == 0x4A: unary_reg(d, DEC, DX)                    # 4A DEC eDX
    elif op == 0x4B: unary_reg(d, DEC, BX)                    # 4B DEC eBX
    elif op == 0x4C: unary_reg(d, DEC, SP)                    # 4C DEC eSP
    elif op == 0x4D: unary_reg(d, DEC, BP)                    # 4D DEC eBP
    elif op == 0x4E: unary_reg(d, DEC, SI)                    # 4E DEC eSI
    elif op == 0x4F: unary_reg(d, DEC, DI)                    # 4F DEC eDI
    # -- 50 .. 5F ------------------------------------------------------------
    elif op == 0x50: push_reg(d, AX)                          # 50 PUSH eAX
    elif op == 0x51: push_reg(d, CX)                          # 51 PUSH eCX
    elif op == 0x52: push_reg(d, DX)                          # 52 PUSH eDX
    elif op == 0x53: push_reg(d, BX)                          # 53 PUSH eBX
    elif op == 0x54: push_reg(d, SP)                          # 54 PUSH eSP
    elif op == 0x55: push_reg(d, BP)                          # 55 PUSH eBP
    elif op == 0x56: push_reg(d, SI)                          # 56 PUSH eSI
    elif op == 0x57: push_reg(d, DI)                          # 57 PUSH eDI
    elif op == 0x58: pop_reg(d, AX)                           # 58 POP eAX
    elif op == 0x59: pop_reg(d, CX)                           # 59 POP eCX
    elif op == 0x5A: pop_reg(d, DX)                           # 5A POP eDX
    elif op == 0x5B: pop_reg(d, BX)                           # 5B POP eBX
    elif op == 0x5C: pop_reg(d, SP)                           # 5C POP eSP
    elif op == 0x5D: pop_reg(d, BP)                           # 5D POP eBP
    elif op == 0x5E: pop_reg(d, SI)                           # 5E POP eSI
    elif op == 0x5F: pop_reg(d, DI)                           # 5F POP eDI
    # -- 60 .. 6F ------------------------------------------------------------
    elif op == 0x60: plain(d, pusha16 if v == 2 else pusha32) # 60 PUSHA
    elif op == 0x61: plain(d, popa16 if v == 2 else popa32)   # 61 POPA
    elif op == 0x62: bound_ge(d)                              # 62 BOUND Gv,Ma
    elif op == 0x68: push_imm(d, fetch_v(d, v))               # 68 PUSH Iv
    elif op == 0x69: imul_gei(d, 0)                           # 69 IMUL Gv,Ev,Iv
    elif op == 0x6A: push_imm(d, fetch_s8(d))                 # 6A PUSH Ib
    elif op == 0x6B: imul_gei(d, 1)                           # 6B IMUL Gv,Ev,Ib
    elif op == 0x6C: strings(d, S_INS, 1)                     # 6C INSB
    elif op == 0x6D: strings(d, S_INS, v)                     # 6D INSW
    elif op == 0x6E: strings(d, S_OUTS, 1)                    # 6E OUTSB
    elif op == 0x6F: strings(d, S_OUTS, v)                    # 6F OUTSW
    # -- 70 .. 7F ------------------------------------------------------------
    elif op == 0x70: branch_cc(d, 0, fetch_s8(d))             # 70 JO Jb
    elif op == 0x71: branch_cc(d, 1, fetch_s8(d))             # 71 JNO Jb
    elif op == 0x72: branch_cc(d, 2, fetch_s8(d))             # 72 JB Jb
    elif op == 0x73: branch_cc(d, 3, fetch_s8(d))             # 73 JAE Jb
    elif op == 0x74: branch_cc(d, 4, fetch_s8(d))             # 74 JE Jb
    elif op == 0x75: branch_cc(d, 5, fetch_s8(d))             # 75 JNE Jb
    elif op == 0x76: branch_cc(d, 6, fetch_s8(d))             # 76 JBE Jb
    elif op == 0x77: branch_cc(d, 7, fetch_s8(d))             # 77 JA Jb
    elif op == 0x78: branch_cc(d, 8, fetch_s8(d))             # 78 JS Jb
    elif op == 0x79: branch_cc(d, 9, fetch_s8(d))             # 79 JNS Jb
    elif op == 0x7A: branch_cc(d, 10, fetch_s8(d))            # 7A JP Jb
    elif op == 0x7B: branch_cc(d, 11, fetch_s8(d))            # 7B JNP Jb
    elif op == 0x7C: branch_cc(d, 12, fetch_s8(d))            # 7C JL Jb
    elif op == 0x7D: branch_cc(d, 13, fetch_s8(d))            # 7D JGE Jb
    elif op == 0x7E: branch_cc(d, 14, fetch_s8(d))            # 7E JLE Jb
    elif op == 0x7F: branch_cc(d, 15, fetch_s8(d))            # 7F JG Jb
    # -- 80 .. 8F ------------------------------------------------------------
    elif op == 0x80: group1(d, 1, 0)                          # 80 group 1 Eb,Ib
    elif op == 0x81: group1(d, v, 0)                          # 81 group 1 Ev,Iv
    elif op == 0x82: group1(d, 1, 0)                          # 82 group 1 Eb,Ib
    elif op == 0x83: group1(d, v, 1)                          # 83 group 1 Ev,Ib
    elif op == 0x84: alu_eg(d, TEST, 1)                       # 84 TEST Eb,Gb
    elif op == 0x85: alu_eg(d, TEST, v)                       # 85 TEST Ev,Gv
    elif op == 0x86: xchg_eg(d, 1)                            # 86 XCHG Eb,Gb
    elif op == 0x87: xchg_eg(d, v)                            # 87 XCHG Ev,Gv
    elif op == 0x88: mov_eg(d, 1)                             # 88 MOV Eb,Gb
    elif op == 0x89: mov_eg(d, v)                             # 89 MOV Ev,Gv
    elif op == 0x8A: mov_ge(d, 1)                             # 8A MOV Gb,Eb
    elif op == 0x8B: mov_ge(d, v)                             # 8B MOV Gv,Ev
    elif op == 0x8C: mov_es(d)                                # 8C MOV Ew,Sw
    elif op == 0x8D: lea_ge(d)                                # 8D LEA Gv,M
    elif op == 0x8E: mov_se(d)                                # 8E MOV Sw,Ew
    elif op == 0x8F: pop_e(d)                                 # 8F POP Ev
    # -- 90 .. 9F ------------------------------------------------------------
    elif op == 0x90: plain(d, nop)                            # 90 NOP
    elif op == 0x91: xchg_acc(d, CX)                          # 91 XCHG eAX,eCX
    elif op == 0x92: xchg_acc(d, DX)                          # 92 XCHG eAX,eDX
    elif op == 0x93: xchg_acc(d, BX)                          # 93 XCHG eAX,eBX
    elif op == 0x94: xchg_acc(d, SP)                          # 94 XCHG eAX,eSP
    elif op == 0x95: xchg_acc(d, BP)                          # 95 XCHG eAX,eBP
    elif op == 0x96: xchg_acc(d, SI)                          # 96 XCHG eAX,eSI
    elif op == 0x97: xchg_acc(d, DI)                          # 97 XCHG eAX,eDI
    elif op == 0x98: plain(d, cbw if v == 2 else cwde)        # 98 CBW, CWDE
    elif op == 0x99: plain(d, cwd if v == 2 else cdq)         # 99 CWD, CDQ
    elif op == 0x9A: far_direct(d, call_far16 if v == 2 else call_far32)# 9A CALL Ap
    elif op == 0x9B: plain(d, wait)                           # 9B WAIT
    elif op == 0x9C: plain(d, pushf16 if v == 2 else pushf32) # 9C PUSHF
    elif op == 0x9D: pop_flags(d)                             # 9D POPF
    elif op == 0x9E: plain(d, sahf)                           # 9E SAHF
    elif op == 0x9F: plain(d, lahf)                           # 9F LAHF
    # -- A0 .. AF ------------------------------------------------------------
    elif op == 0xA0: mov_moffs(d, 1, 0)                       # A0 MOV AL,Ob
    elif op == 0xA1: mov_moffs(d, v, 0)                       # A1 MOV eAX,Ov
    elif op == 0xA2: mov_moffs(d, 1, 1)                       # A2 MOV Ob,AL
    elif op == 0xA3: mov_moffs(d, v, 1)                       # A3 MOV Ov,eAX
    elif op == 0xA4: strings(d, S_MOVS, 1)                    # A4 MOVSB
    elif op == 0xA5: strings(d, S_MOVS, v)                    # A5 MOVSW
    elif op == 0xA6: strings(d, S_CMPS, 1)                    # A6 CMPSB
    elif op == 0xA7: strings(d, S_CMPS, v)                    # A7 CMPSW
    elif op == 0xA8: alu_ai(d, TEST, 1)                       # A8 TEST AL,Ib
    elif op == 0xA9: alu_ai(d, TEST, v)                       # A9 TEST eAX,Iv
    elif op == 0xAA: strings(d, S_STOS, 1)                    # AA STOSB
    elif op == 0xAB: strings(d, S_STOS, v)                    # AB STOSW
    elif op == 0xAC: strings(d, S_LODS, 1)                    # AC LODSB
    elif op == 0xAD: strings(d, S_LODS, v)                    # AD LODSW
    elif op == 0xAE: strings(d, S_SCAS, 1)                    # AE SCASB
    elif op == 0xAF: strings(d, S_SCAS, v)                    # AF SCASW
    # -- B0 .. BF ------------------------------------------------------------
    elif op == 0xB0: mov_reg_imm(d, 0, 1)                     # B0 MOV AL,Ib
    elif op == 0xB1: mov_reg_imm(d, 1, 1)                     # B1 MOV CL,Ib
    elif op == 0xB2: mov_reg_imm(d, 2, 1)                     # B2 MOV DL,Ib
    elif op == 0xB3: mov_reg_imm(d, 3, 1)                     # B3 MOV BL,Ib
    elif op == 0xB4: mov_reg_imm(d, 4, 1)                     # B4 MOV AH,Ib
    elif op == 0xB5: mov_reg_imm(d, 5, 1)                     # B5 MOV CH,Ib
    elif op == 0xB6: mov_reg_imm(d, 6, 1)                     # B6 MOV DH,Ib
    elif op == 0xB7: mov_reg_imm(d, 7, 1)                     # B7 MOV BH,Ib
    elif op == 0xB8: mov_reg_imm(d, 0, v)                     # B8 MOV eAX,Iv
    elif op == 0xB9: mov_reg_imm(d, 1, v)                     # B9 MOV eCX,Iv
    elif op == 0xBA: mov_reg_imm(d, 2, v)                     # BA MOV eDX,Iv
    elif op == 0xBB: mov_reg_imm(d, 3, v)                     # BB MOV eBX,Iv
    elif op == 0xBC: mov_reg_imm(d, 4, v)                     # BC MOV eSP,Iv
    elif op == 0xBD: mov_reg_imm(d, 5, v)                     # BD MOV eBP,Iv
    elif op == 0xBE: mov_reg_imm(d, 6, v)                     # BE MOV eSI,Iv
    elif op == 0xBF: mov_reg_imm(d, 7, v)                     # BF MOV eDI,Iv
    # -- C0 .. CF ------------------------------------------------------------
    elif op == 0xC0: shift_e(d, 1, 3)                         # C0 group 2 Eb,Ib
    elif op == 0xC1: shift_e(d, v, 3)                         # C1 group 2 Ev,Ib
    elif op == 0xC2: returns(d, ret16 if v == 2 else ret32, 1)# C2 RET Iw
    elif op == 0xC3: returns(d, ret16 if v == 2 else ret32, 0)# C3 RET
    elif op == 0xC4: far_pointer(d, ES)                       # C4 LES Gv,Mp
    elif op == 0xC5: far_pointer(d, DS)                       # C5 LDS Gv,Mp
    elif op == 0xC6: mov_ei(d, 1)                             # C6 MOV Eb,Ib
    elif op == 0xC7: mov_ei(d, v)                             # C7 MOV Ev,Iv
    elif op == 0xC8: enter_ii(d)                              # C8 ENTER Iw,Ib
    elif op == 0xC9: plain(d, leave16 if v == 2 else leave32) # C9 LEAVE
    elif op == 0xCA: returns(d, retf16 if v == 2 else retf32, 1)# CA RETF Iw
    elif op == 0xCB: returns(d, retf16 if v == 2 else retf32, 0)# CB RETF
    elif op == 0xCC: interrupt(d, 3)                          # CC INT3
    elif op == 0xCD: interrupt(d, fetch8(d))                  # CD INT Ib
    elif op == 0xCE: ending(d, into)                          # CE INTO
    elif op == 0xCF: ending(d, iret16 if v == 2 else iret32)  # CF IRET
    # -- D0 .. DF ------------------------------------------------------------
    elif op == 0xD0: shift_e(d, 1, 1)                         # D0 group 2 Eb,1
    elif op == 0xD1: shift_e(d, v, 1)                         # D1 group 2 Ev,1
    elif op == 0xD2: shift_e(d, 1, 2)                         # D2 group 2 Eb,CL
    elif op == 0xD3: shift_e(d, v, 2)                         # D3 group 2 Ev,CL
    elif op == 0xD4: port_imm(d, aam)                         # D4 AAM Ib
    elif op == 0xD5: port_imm(d, aad)                         # D5 AAD Ib
    elif op == 0xD6: plain(d, salc)                           # D6 SALC (undocumented)
    elif op == 0xD7: xlat_al(d)                               # D7 XLAT
    elif op == 0xD8: escape(d)                                # D8 ESC 0
    elif op == 0xD9: escape(d)                                # D9 ESC 1
    elif op == 0xDA: escape(d)                                # DA ESC 2
    elif op == 0xDB: escape(d)                                # DB ESC 3
    elif op == 0xDC: escape(d)                                # DC ESC 4
    elif op == 0xDD: escape(d)                                # DD ESC 5
    elif op == 0xDE: escape(d)                                # DE ESC 6
    elif op == 0xDF: escape(d)                                # DF ESC 7
    # -- E0 .. EF ------------------------------------------------------------
    elif op == 0xE0: branch(d, loopne16 if d.ads == 2 else loopne32, fetch_s8(d), 16)# E0 LOOPNE Jb
    elif op == 0xE1: branch(d, loope16 if d.ads == 2 else loope32, fetch_s8(d), 16)# E1 LOOPE Jb
    elif op == 0xE2: branch(d, loop16 if d.ads == 2 else loop32, fetch_s8(d), 16)# E2 LOOP Jb
    elif op == 0xE3: branch(d, jcxz if d.ads == 2 else jecxz, fetch_s8(d), 16)# E3 JCXZ Jb
    elif op == 0xE4: port_imm(d, in8_i)                       # E4 IN AL,Ib
    elif op == 0xE5: port_imm(d, in16_i if v == 2 else in32_i)# E5 IN eAX,Ib
    elif op == 0xE6: port_imm(d, out8_i)                      # E6 OUT Ib,AL
    elif op == 0xE7: port_imm(d, out16_i if v == 2 else out32_i)# E7 OUT Ib,eAX
    elif op == 0xE8: branch(d, call16_rel if v == 2 else call32_rel, fetch_v(d, v), -1)# E8 CALL Jv
    elif op == 0xE9: branch(d, jmp_rel, fetch_v(d, v), -1)    # E9 JMP Jv
    elif op == 0xEA: far_direct(d, jmp_far)                   # EA JMP Ap
    elif op == 0xEB: branch(d, jmp_rel, fetch_s8(d), -1)      # EB JMP Jb
    elif op == 0xEC: plain(d, in8_d)                          # EC IN AL,DX
    elif op == 0xED: plain(d, in32_d if v == 4 else in16_d_wraps if d.c.m.port_wraps else in16_d) # ED IN eAX,DX
    elif op == 0xEE: plain(d, out8_d)                         # EE OUT DX,AL
    elif op == 0xEF: plain(d, out32_d if v == 4 else out16_d_wraps if d.c.m.port_wraps else out16_d) # EF OUT DX,eAX
    # -- F0 .. FF ------------------------------------------------------------
    elif op == 0xF1: interrupt(d, 1)                          # F1 INT1 (undocumented)
    elif op == 0xF4: ending(d, hlt)                           # F4 HLT
    elif op == 0xF5: plain(d, cmc)                            # F5 CMC
    elif op == 0xF6: group3(d, 1)                             # F6 group 3 Eb
    elif op == 0xF7: group3(d, v)                             # F7 group 3 Ev
    elif op == 0xF8: plain(d, clc)                            # F8 CLC
    elif op == 0xF9: plain(d, stc)                            # F9 STC
    elif op == 0xFA: plain(d, cli)                            # FA CLI
    elif op == 0xFB: set_interrupts(d)                        # FB STI
    elif op == 0xFC: plain(d, cld)                            # FC CLD
    elif op == 0xFD: plain(d, std)                            # FD STD
    elif op == 0xFE: group5(d, 1)                             # FE group 4 Eb
    elif op == 0xFF: group5(d, v)                             # FF group 5 Ev
    else:
        ud(d)


cdef void escape(Dec* d) noexcept nogil:
    """ESC without a coprocessor. Before the 80386 a memory operand is read."""
    modrm(d)
    emit(d, esc)
    if d.mod != 3 and not has(d, 3):
        emit_mem(d, LOAD_TMP[0][1])


cdef void xlat_al(Dec* d) noexcept nogil:
    cdef Op* o = emit(d, xlat16 if d.ads == 2 else xlat32)
    o.seg = <uint8_t>(d.seg if d.seg >= 0 else DS)


cdef void pop_flags(Dec* d) noexcept nogil:
    emit(d, popf16 if d.os == 2 else popf32)
    d.ends = 1


cdef void set_interrupts(Dec* d) noexcept nogil:
    emit(d, sti)
    d.ends = 1


cdef void opcode_0f(Dec* d) noexcept nogil:
    cdef uint32_t op
    cdef int v = d.os, level = d.c.m.level
    if level == 0:
        pop_seg(d, CS)
        return
    op = fetch8(d)
    if level < 2 or d.over or d.hole or d.wrapped or (level == 2 and op > 6):
        ud(d)
    elif level < 4 and (op == 0xB0 or op == 0xB1 or op == 0xC0 or op == 0xC1 or op >> 3 == 0x19 or op == 8 or op == 9):
        ud(d)
    elif (op == 0x31 or op == 0xA2) and not d.c.m.cpuid:
        ud(d)
    else:
        opcode_0f_386(d, op, v)


cdef void opcode_0f_386(Dec* d, uint32_t byte, int v) noexcept nogil:
    cdef uint32_t op = byte
    if op == 0x01: group7(d)                                  # 0F 01 group 7
    elif op == 0x06: plain(d, clts)                           # 0F 06 CLTS
    elif op == 0x08: plain(d, nop)                            # 0F 08 INVD
    elif op == 0x09: plain(d, nop)                            # 0F 09 WBINVD
    elif op == 0x20: mov_special(d, mov_from_cr, 0x0D)        # 0F 20 MOV Rd,Cd
    elif op == 0x21: mov_special(d, mov_from_dr, 0xFF)        # 0F 21 MOV Rd,Dd
    elif op == 0x22: mov_special(d, mov_to_cr, 0x0D)          # 0F 22 MOV Cd,Rd
    elif op == 0x23: mov_special(d, mov_to_dr, 0xFF)          # 0F 23 MOV Dd,Rd
    elif op == 0x24: mov_special(d, mov_from_tr, 0xF8 if has(d, 4) else 0xC0)   # 0F 24 MOV Rd,Td
    elif op == 0x26: mov_special(d, mov_to_tr, 0xF8 if has(d, 4) else 0xC0)   # 0F 26 MOV Td,Rd
    elif op == 0x31: plain(d, rdtsc)                          # 0F 31 RDTSC
    elif op == 0x80: branch_cc(d, 0, fetch_v(d, v))           # 0F 80 JO Jv
    elif op == 0x81: branch_cc(d, 1, fetch_v(d, v))           # 0F 81 JNO Jv
    elif op == 0x82: branch_cc(d, 2, fetch_v(d, v))           # 0F 82 JB Jv
    elif op == 0x83: branch_cc(d, 3, fetch_v(d, v))           # 0F 83 JAE Jv
    elif op == 0x84: branch_cc(d, 4, fetch_v(d, v))           # 0F 84 JE Jv
    elif op == 0x85: branch_cc(d, 5, fetch_v(d, v))           # 0F 85 JNE Jv
    elif op == 0x86: branch_cc(d, 6, fetch_v(d, v))           # 0F 86 JBE Jv
    elif op == 0x87: branch_cc(d, 7, fetch_v(d, v))           # 0F 87 JA Jv
    elif op == 0x88: branch_cc(d, 8, fetch_v(d, v))           # 0F 88 JS Jv
    elif op == 0x89: branch_cc(d, 9, fetch_v(d, v))           # 0F 89 JNS Jv
    elif op == 0x8A: branch_cc(d, 10, fetch_v(d, v))          # 0F 8A JP Jv
    elif op == 0x8B: branch_cc(d, 11, fetch_v(d, v))          # 0F 8B JNP Jv
    elif op == 0x8C: branch_cc(d, 12, fetch_v(d, v))          # 0F 8C JL Jv
    elif op == 0x8D: branch_cc(d, 13, fetch_v(d, v))          # 0F 8D JGE Jv
    elif op == 0x8E: branch_cc(d, 14, fetch_v(d, v))          # 0F 8E JLE Jv
    elif op == 0x8F: branch_cc(d, 15, fetch_v(d, v))          # 0F 8F JG Jv
    elif op == 0x90: setcc_e(d, 0)                            # 0F 90 SETO Eb
    elif op == 0x91: setcc_e(d, 1)                            # 0F 91 SETNO Eb
    elif op == 0x92: setcc_e(d, 2)                            # 0F 92 SETB Eb
    elif op == 0x93: setcc_e(d, 3)                            # 0F 93 SETAE Eb
    elif op == 0x94: setcc_e(d, 4)                            # 0F 94 SETE Eb
    elif op == 0x95: setcc_e(d, 5)                            # 0F 95 SETNE Eb
    elif op == 0x96: setcc_e(d, 6)                            # 0F 96 SETBE Eb
    elif op == 0x97: setcc_e(d, 7)                            # 0F 97 SETA Eb
    elif op == 0x98: setcc_e(d, 8)                            # 0F 98 SETS Eb
    elif op == 0x99: setcc_e(d, 9)                            # 0F 99 SETNS Eb
    elif op == 0x9A: setcc_e(d, 10)                           # 0F 9A SETP Eb
    elif op == 0x9B: setcc_e(d, 11)                           # 0F 9B SETNP Eb
    elif op == 0x9C: setcc_e(d, 12)                           # 0F 9C SETL Eb
    elif op == 0x9D: setcc_e(d, 13)                           # 0F 9D SETGE Eb
    elif op == 0x9E: setcc_e(d, 14)                           # 0F 9E SETLE Eb
    elif op == 0x9F: setcc_e(d, 15)                           # 0F 9F SETG Eb
    elif op == 0xA0: push_seg(d, FS)                          # 0F A0 PUSH FS
    elif op == 0xA1: pop_seg(d, FS)                           # 0F A1 POP FS
    elif op == 0xA2: plain(d, cpuid)                          # 0F A2 CPUID
    elif op == 0xA3: bits_eg(d, BT)                           # 0F A3 BT Ev,Gv
    elif op == 0xA4: shift_double(d, shld16_i if v == 2 else shld32_i, W_SHLD, 1)# 0F A4 SHLD Ev,Gv,Ib
    elif op == 0xA5: shift_double(d, shld16_c if v == 2 else shld32_c, W_SHLD_CL, 0)# 0F A5 SHLD Ev,Gv,CL
    elif op == 0xA8: push_seg(d, GS)                          # 0F A8 PUSH GS
    elif op == 0xA9: pop_seg(d, GS)                           # 0F A9 POP GS
    elif op == 0xAB: bits_eg(d, BTS)                          # 0F AB BTS Ev,Gv
    elif op == 0xAC: shift_double(d, shrd16_i if v == 2 else shrd32_i, W_SHRD, 1)# 0F AC SHRD Ev,Gv,Ib
    elif op == 0xAD: shift_double(d, shrd16_c if v == 2 else shrd32_c, W_SHRD_CL, 0)# 0F AD SHRD Ev,Gv,CL
    elif op == 0xAF: to_reg(d, imul16_rr if v == 2 else imul32_rr, R_IMUL_RR, v, v)# 0F AF IMUL Gv,Ev
    elif op == 0xB0: modify_eg(d, CMPXCHG[0][0], W_CMPXCHG, 1)# 0F B0 CMPXCHG Eb,Gb
    elif op == 0xB1: modify_eg(d, CMPXCHG[0][v >> 1], W_CMPXCHG, v)# 0F B1 CMPXCHG Ev,Gv
    elif op == 0xB2: far_pointer(d, SS)                       # 0F B2 LSS Gv,Mp
    elif op == 0xB3: bits_eg(d, BTR)                          # 0F B3 BTR Ev,Gv
    elif op == 0xB4: far_pointer(d, FS)                       # 0F B4 LFS Gv,Mp
    elif op == 0xB5: far_pointer(d, GS)                       # 0F B5 LGS Gv,Mp
    elif op == 0xB6: extend(d, movzx16_8, movzx32_8, R_ZX16, R_ZX32, 1) # 0F B6 MOVZX Gv,Eb
    elif op == 0xB7: extend(d, MOV_RR[0][1], movzx32_16, -1, R_ZX32, 2) # 0F B7 MOVZX Gv,Ew
    elif op == 0xBA: bits_ei(d)                               # 0F BA group 8 Ev,Ib
    elif op == 0xBB: bits_eg(d, BTC)                          # 0F BB BTC Ev,Gv
    elif op == 0xBC: to_reg(d, bsf16 if v == 2 else bsf32, -1, v, v)# 0F BC BSF Gv,Ev
    elif op == 0xBD: to_reg(d, bsr16 if v == 2 else bsr32, -1, v, v)# 0F BD BSR Gv,Ev
    elif op == 0xBE: extend(d, movsx16_8, movsx32_8, R_SX16, R_SX32, 1) # 0F BE MOVSX Gv,Eb
    elif op == 0xBF: extend(d, MOV_RR[0][1], movsx32_16, -1, R_SX32, 2) # 0F BF MOVSX Gv,Ew
    elif op == 0xC0: modify_eg(d, XADD[0][0], W_XADD, 1)      # 0F C0 XADD Eb,Gb
    elif op == 0xC1: modify_eg(d, XADD[0][v >> 1], W_XADD, v) # 0F C1 XADD Ev,Gv
    elif op == 0xC8: swap_reg(d, AX)                          # 0F C8 BSWAP eAX
    elif op == 0xC9: swap_reg(d, CX)                          # 0F C9 BSWAP eCX
    elif op == 0xCA: swap_reg(d, DX)                          # 0F CA BSWAP eDX
    elif op == 0xCB: swap_reg(d, BX)                          # 0F CB BSWAP eBX
    elif op == 0xCC: swap_reg(d, SP)                          # 0F CC BSWAP eSP
    elif op == 0xCD: swap_reg(d, BP)                          # 0F CD BSWAP eBP
    elif op == 0xCE: swap_reg(d, SI)                          # 0F CE BSWAP eSI
    elif op == 0xCF: swap_reg(d, DI)                          # 0F CF BSWAP eDI
    else:
        ud(d)


cdef void swap_reg(Dec* d, int n) noexcept nogil:
    cdef Op* o = emit(d, bswap if d.os == 4 else bswap16)
    o.dst = reg_at(n, 4)


# -- groups of the two-byte opcodes -------------------------------------------------------------------------------

cdef void group7(Dec* d) noexcept nogil:
    cdef Op* o
    cdef uint16_t at
    modrm(d)
    if d.mod == 3 and d.reg == 0 and d.rm == 1:
        plain(d, vmcall)
    elif d.reg == 4:
        o = write_only(d, smsw32 if d.mod == 3 and d.os == 4 else smsw, d.os if d.mod == 3 else 2)
    elif d.reg == 6:
        at = operand(d, 2)
        o = emit(d, lmsw)
        o.src = at
    elif d.mod == 3 or d.reg == 5 or (d.reg == 7 and d.c.m.level < 4):
        ud(d)
    elif d.reg == 0:
        emit_mem(d, sgdt)
    elif d.reg == 1:
        emit_mem(d, sidt)
    elif d.reg == 7:
        plain(d, nop)                            # INVLPG
    else:
        o = emit_mem(d, lgdt if d.reg == 2 else lidt)
        o.imm = 0xFFFFFFFFU if d.os == 4 else 0xFFFFFFU


cdef void mov_special(Dec* d, Fn fn, uint32_t allowed) noexcept nogil:
    """MOV to and from CRn, DRn, TRn. `allowed` has a bit for each register that exists. mod is ignored: always 3."""
    cdef Op* o
    cdef uint32_t m = fetch8(d)
    d.reg = m >> 3 & 7
    if not allowed >> d.reg & 1:
        ud(d)
        return
    o = emit(d, fn)
    o.dst = reg_at(m & 7, 4)
    o.src = o.dst
    o.imm = d.reg
