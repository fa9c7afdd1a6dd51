; compiler: a small compiler for DOS, which compiles a program and runs it, ECX times. It reads the
; source in pieces, keeps names in a hash table, parses by recursive descent, writes the machine
; code to a COM file, and calls that. If the program does not return RIGHT, or anything else fails,
; the kernel ends at once. The benchmark then sees that it ran too few instructions.
;
;       program    = { statement }
;       statement  = "let" name "=" expression
;                  | "if" expression block [ "else" block ]
;                  | "while" expression block
;                  | "return" expression
;       block      = "{" { statement } "}"
;       expression = operand { operator operand }
;       operand    = number | name | "-" operand | "(" expression ")"
;
; Values are signed words; 0 is false, anything else is true. The first "let" of a name makes the
; variable. "#" starts a comment. All instructions are the 8086's, except two that count turns.
;
; In all routines SI = next character of the source, DI = where the next byte of code goes, BP =
; turns left. All other registers may change.
        bits    16
        org     7C00h

RIGHT   equ 13643                       ; the result that the program must return

RESULT  equ 600h                        ; its last result
DONE    equ 602h                        ; turns that returned RIGHT
SOURCE  equ 604h                        ; handle of the source
LIMIT   equ 606h                        ; end of the characters read
TOKEN   equ 608h                        ; a sign, or one of these:
NAMED   equ 'a'
NUMBER  equ '0'
EOF     equ 1Ah
VALUE   equ 60Ah                        ; value of a number; entry of a name
HEAP    equ 60Ch                        ; place of the next entry
VARIABLE equ 60Eh                       ; place of the next variable

BUCKETS equ 1000h                       ; the first entry of each hash, or 0
HASHES  equ 64
ENTRIES equ 1100h                       ; entries of names and keywords
LINK    equ 0                           ; the next entry with this hash, or 0
MEANS   equ 2                           ; 0: unknown; a variable, or a keyword's routine
LENGTH  equ 4                           ; one byte
NAME    equ 5
INPUT   equ 2000h                       ; a piece of the source
PIECE   equ 128
CODE    equ 3000h                       ; machine code before it is written to the file
STACK   equ 6000h

PROGRAM equ 2000h                       ; segment of the COM file, which starts at 100h
VARIABLES equ 1000h                     ; in PROGRAM; a MEANS from 7C00h up is a routine

VECTOR  equ 21h * 4
FIRST   equ 5                           ; handles 0 to 4 are the console and others
CREATE  equ 3Ch
OPEN    equ 3Dh
CLOSE   equ 3Eh
READ    equ 3Fh
WRITE   equ 40h

; Call DOS. This does what INT 21h does. Unicorn would pass an INT to a hook on the host; we have
; none.
%macro  dos 1
        mov     ah, %1
        pushf
        call    far [VECTOR]
%endmacro

; Append these instructions to the code. Clobbers AX BX CX.
%macro  emit 1-*
        call    copy_code
        db      %%end - %%begin
%%begin:
%rep    %0
        %1
%rotate 1
%endrep
%%end:
%endmacro

        cpu     386
        mov     ebp, ecx
        cpu     8086
        mov     sp, STACK
        cld
        mov     word [VECTOR], dos_entry
        mov     word [VECTOR + 2], cs
        mov     word [DONE], 0
turn:   call    compile
        call    run
        mov     [RESULT], ax
        cmp     ax, RIGHT
        jne     fail
        inc     word [DONE]
        cpu     386
        dec     ebp
        cpu     8086
        jnz     turn
fail:   hlt

; Run the file that was written. Out: AX = its result.
run:    push    ds
        push    es
        mov     ax, PROGRAM
        mov     ds, ax
        mov     es, ax
        call    PROGRAM:100h
        pop     es
        pop     ds
        ret

; -- from file to file ----------------------------------------------------------------------------

compile:
        call    new_names
        mov     dx, source_name
        dos     OPEN
        jc      fail
        mov     [SOURCE], ax
        mov     si, INPUT               ; no characters are read yet
        mov     [LIMIT], si
        mov     di, CODE
        call    next
.each:  call    statement
        cmp     byte [TOKEN], EOF
        jne     .each
        emit    retf                    ; for a program without "return"
        mov     bx, [SOURCE]
        dos     CLOSE

        mov     dx, target_name
        xor     cx, cx
        dos     CREATE
        jc      fail
        mov     bx, ax
        mov     dx, CODE
        mov     cx, di
        sub     cx, dx
        dos     WRITE
        jc      fail
        cmp     ax, cx
        jne     fail
        dos     CLOSE
        ret

; -- statements -----------------------------------------------------------------------------------

; Every statement starts with a keyword, whose entry has its routine. That continues at the token
; after the keyword.
statement:
        cmp     byte [TOKEN], NAMED
        jne     fail
        mov     bx, [VALUE]
        mov     bx, [bx + MEANS]
        cmp     bx, 7C00h
        jb      fail
        push    bx                      ; next returns to the routine
        jmp     next

let_:   cmp     byte [TOKEN], NAMED
        jne     fail
        mov     bx, [VALUE]
        mov     ax, [bx + MEANS]
        test    ax, ax
        jnz     .known
        mov     ax, [VARIABLE]
        mov     [bx + MEANS], ax
        add     word [VARIABLE], 2
.known: cmp     ax, 7C00h
        jae     fail
        push    ax
        call    next
        mov     al, '='
        call    expect
        call    expression
        emit    {mov [0], ax}
        pop     word [di - 2]
        ret

if_:    call    condition
        push    di
        call    block
        cmp     byte [TOKEN], NAMED
        jne     .end
        mov     bx, [VALUE]
        cmp     word [bx + MEANS], else_
        jne     .end
        call    next
        emit    {jmp near $ + 3}        ; from the first block over the second
        pop     bx
        push    di
        call    land
        call    block
.end:   pop     bx

; Let a jump end here. In: BX = the end of the jump instruction, from where distances count.
land:   mov     ax, di
        sub     ax, bx
        mov     [bx - 2], ax
        ret

while_: push    di
        call    condition
        push    di
        call    block
        emit    {jmp near $ + 3}        ; back to the condition
        pop     bx
        pop     ax
        sub     ax, di
        mov     [di - 2], ax
        jmp     land

return_:
        call    expression
        emit    retf
        ret

else_:  jmp     fail                    ; an "else" without "if"

; Code that jumps if the expression is 0. land sets the destination later.
condition:
        call    expression
        emit    {or ax, ax}, {jnz $ + 5}, {jmp near $ + 3}
        ret

block:  mov     al, '{'
        call    expect
.each:  cmp     byte [TOKEN], '}'
        je      .end
        call    statement
        jmp     .each
.end:   jmp     next

; -- expressions ----------------------------------------------------------------------------------

; Code that leaves an expression in AX.
expression:
        mov     dl, 0
; The same, but stop before an operator whose level is below DL.
climb:  push    dx
        call    operand
        pop     dx
.more:  mov     bx, di
        mov     di, signs
        mov     cx, levels - signs
        mov     al, [TOKEN]
        repne scasb
        xchg    bx, di                  ; BX = after the sign in signs
        jne     .end
        dec     bx
        cmp     [bx + levels - signs], dl
        jb      .end
        push    dx
        push    bx
        emit    {push ax}
        call    next
        pop     bx
        push    bx
        mov     dl, [bx + levels - signs]
        inc     dx                      ; operators of one level group from the left
        call    climb
        emit    {mov cx, ax}, {pop ax}
        pop     bx
        sub     bx, signs
        shl     bx, 1
        call    [bx + operations]
        pop     dx
        jmp     .more
.end:   ret

; Code that leaves an operand in AX.
operand:
        mov     al, [TOKEN]
        cmp     al, NUMBER
        je      .number
        cmp     al, NAMED
        je      .variable
        cmp     al, '('
        je      .inner
        cmp     al, '-'
        jne     fail
        call    next
        call    operand
        emit    {neg ax}
        ret
.inner: call    next
        call    expression
        mov     al, ')'
        jmp     expect
.variable:
        mov     bx, [VALUE]
        mov     dx, [bx + MEANS]
        test    dx, dx
        jz      fail
        cmp     dx, 7C00h
        jae     fail
        emit    {mov ax, [0]}
        mov     [di - 2], dx
        jmp     next
.number:
        emit    {mov ax, 0}
        mov     ax, [VALUE]
        mov     [di - 2], ax
        jmp     next

; Operators: sign, level, and routine. The routine makes code for AX = AX operator CX.
signs:  db      '&', '|', '<', '>', '=', '+', '-', '*', '/', '%'
levels: db      0,   0,   1,   1,   1,   2,   2,   3,   3,   3
operations:
        dw      and_, or_, less, greater, equal, plus, minus, times_, divide, modulo

and_:   emit    {and ax, cx}
        ret
or_:    emit    {or ax, cx}
        ret
less:   emit    {cmp ax, cx}, {mov ax, 1}, {jl $ + 3}, {dec ax}
        ret
greater:
        emit    {cmp ax, cx}, {mov ax, 1}, {jg $ + 3}, {dec ax}
        ret
equal:  emit    {cmp ax, cx}, {mov ax, 1}, {je $ + 3}, {dec ax}
        ret
plus:   emit    {add ax, cx}
        ret
minus:  emit    {sub ax, cx}
        ret
times_: emit    {imul cx}
        ret
divide: emit    cwd, {idiv cx}
        ret
modulo: emit    cwd, {idiv cx}, {xchg ax, dx}
        ret

; Append to the code the bytes after the call: a length byte, then the bytes. Return after them.
copy_code:
        mov     bx, si
        pop     si
        lodsb
        cbw
        mov     cx, ax
        rep movsb
        xchg    si, bx
        jmp     bx

; -- tokens ---------------------------------------------------------------------------------------

; Fail unless the token is AL, then find the next token.
expect: cmp     al, [TOKEN]
        jne     fail

; Find the next token.
next:   mov     bx, classes
.blank: call    getc
        mov     ah, al
        xlatb
        cmp     al, BLANK
        je      .blank
        cmp     al, LETTER
        je      .name
        cmp     al, DIGIT
        je      .number
        mov     [TOKEN], ah
        cmp     ah, '#'
        je      .comment
        ret
.comment:
        call    getc
        cmp     al, 10
        jne     .comment
        jmp     .blank

.number:
        mov     byte [TOKEN], NUMBER
        xor     cx, cx
.digit: mov     al, ah
        sub     al, '0'
        cbw
        xchg    ax, cx
        mul     word [ten]
        add     cx, ax
        call    getc
        mov     ah, al
        xlatb
        cmp     al, DIGIT
        je      .digit
        dec     si                      ; put back the character after the number
        mov     [VALUE], cx
        ret

.name:  mov     byte [TOKEN], NAMED
        push    di
        mov     di, [HEAP]              ; write it where a new entry would go
        add     di, NAME
.letter:
        mov     [di], ah
        inc     di
        call    getc
        mov     ah, al
        xlatb
        cmp     al, DIGIT
        jae     .letter
        dec     si
        mov     cx, di
        mov     bx, [HEAP]
        lea     di, [bx + NAME]
        sub     cx, di
        mov     [bx + LENGTH], cl
        call    look_up
        mov     [VALUE], bx
        pop     di
        ret

; Out: AL = next character of the source. Clobbers AX only.
getc:   cmp     si, [LIMIT]
        je      .read
        lodsb
        ret
.read:  push    bx
        push    cx
        push    dx
        mov     bx, [SOURCE]
        mov     cx, PIECE
        mov     dx, INPUT
        dos     READ
        jc      fail
        mov     si, dx
        test    ax, ax
        jnz     .some
        mov     byte [si], EOF
        inc     ax
.some:  add     ax, si
        mov     [LIMIT], ax
        pop     dx
        pop     cx
        pop     bx
        jmp     getc

ten:    dw      10

OTHER   equ 0
BLANK   equ 1
DIGIT   equ 2                           ; DIGIT and up may be in a name
LETTER  equ 3
classes:
        times   EOF db BLANK
        db      OTHER
        times   ' ' - EOF db BLANK
        times   '0' - ' ' - 1 db OTHER
        times   10 db DIGIT
        times   'A' - '9' - 1 db OTHER
        times   26 db LETTER
        times   'a' - 'Z' - 1 db OTHER
        times   26 db LETTER
        times   7Fh - 'z' db OTHER

; -- names ----------------------------------------------------------------------------------------

; Remove all names, then enter the keywords.
new_names:
        mov     di, BUCKETS
        mov     cx, HASHES
        xor     ax, ax
        rep stosw
        mov     word [HEAP], ENTRIES
        mov     word [VARIABLE], VARIABLES
        mov     si, keywords
.each:  mov     cl, [si]                ; the length, then the name
        mov     ch, 0
        mov     di, [HEAP]
        add     di, LENGTH
        inc     cx
        rep movsb
        push    si
        call    look_up
        pop     si
        lodsw
        mov     [bx + MEANS], ax
        cmp     si, keywords.end
        jb      .each
        ret

; Find the name whose length and characters are at HEAP, in the place of the next entry. A new name
; becomes that entry. Out: BX = the entry. Keeps SI and BP only.
look_up:
        push    si
        mov     si, [HEAP]
        add     si, LENGTH
        mov     cl, [si]
        mov     ch, 0
        inc     cx
        mov     dx, si
        push    cx
        xor     bx, bx
.hash:  lodsb                           ; hash the length and the characters
        rol     bl, 1
        xor     bl, al
        loop    .hash
        pop     cx
        and     bl, HASHES - 1
        shl     bx, 1
        add     bx, BUCKETS
        mov     ax, bx
.chain: mov     bx, [bx + LINK]         ; LINK is 0, so a bucket works like an entry
        test    bx, bx
        jz      .new
        push    cx
        mov     si, dx
        lea     di, [bx + LENGTH]
        repe cmpsb
        pop     cx
        jne     .chain
        pop     si
        ret
.new:   mov     bx, [HEAP]
        mov     di, ax
        mov     ax, bx
        xchg    ax, [di]                ; a new entry is the first of its bucket
        mov     [bx + LINK], ax
        mov     word [bx + MEANS], 0
        add     dx, cx
        mov     [HEAP], dx
        pop     si
        ret

keywords:
        db      3, "let"
        dw      let_
        db      2, "if"
        dw      if_
        db      4, "else"
        dw      else_
        db      5, "while"
        dw      while_
        db      6, "return"
        dw      return_
.end:

source_name:
        db      "NUMBERS.TOY", 0
target_name:
        db      "NUMBERS.COM", 0

%include "dos.inc"

text:   incbin  "compiler.toy"
.end:
