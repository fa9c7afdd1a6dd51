; A boot sector that reads sector 2 by INT 13h, changes it, writes it to sector 3 and reads it back.
; It writes R to port E9h, or the number of the step that failed, and ends by port F4h.
org 7c00h
cpu 8086
  cli
  xor ax,ax
  mov ds,ax
  mov es,ax
  mov ss,ax
  mov sp,7c00h
  sti
  mov [drive],dl
  mov ax,0201h          ; read sector 2
  mov cx,0002h
  xor dh,dh
  mov bx,8000h
  int 13h
  mov al,'1'
  jc failed
  inc word [8000h]
  mov ax,0301h          ; write it to sector 3
  mov cx,0003h
  mov dl,[drive]
  xor dh,dh
  mov bx,8000h
  int 13h
  mov al,'2'
  jc failed
  mov ax,0201h          ; read sector 3 back
  mov cx,0003h
  mov dl,[drive]
  xor dh,dh
  mov bx,9000h
  int 13h
  mov al,'3'
  jc failed
  mov si,8000h
  mov di,9000h
  mov cx,256
  repe cmpsw
  mov al,'4'
  jne failed
  mov al,'R'
failed:
  out 0e9h,al
  mov al,0
  out 0f4h,al
  cli
  hlt
drive: db 0
times 510-($-$$) db 0
dw 0aa55h
