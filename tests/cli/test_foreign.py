"""Foreign words: each option of QEMU is ours, or refused by name with what to use instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import cli
from pyx86emu.cli import options
from pyx86emu.cli.foreign import FOREIGN

#: The options of `qemu-system-i386 --help`, version 7.2, and the best known of older ones.
QEMU = """
-D -L -M -S -accel -acpitable -action -add-fd -append -async-teardown -audio -audio-help -audiodev
-bios -blockdev -boot -cdrom -chardev -chroot -compat -cpu -d -daemonize -debugcon -device
-dfilter -display -drive -dtb -dump-vmstate -echr -enable-kvm -enable-sync-profile -fda -fdb
-fsdev -full-screen -fw_cfg -g -gdb -global -h -hda -hdb -hdc -hdd -icount -incoming -initrd
-iscsi -jitdump -k -kernel -loadvm -m -machine -mem-path -mem-prealloc -mon -monitor -msg
-mtdblock -name -net -netdev -nic -no-acpi -no-fd-bootchk -no-hpet -no-reboot -no-shutdown
-no-user-config -nodefaults -nographic -numa -object -one-insn-per-tb -only-migratable -option-rom
-overcommit -parallel -perfmap -pflash -pidfile -plugin -portrait -qmp -qmp-pretty -readconfig
-rotate -rtc -run-with -runas -s -sandbox -sd -seed -serial -set -singlestep -smbios -smp
-snapshot -spice -tpmdev -trace -usb -usbdevice -uuid -version -vga -virtfs -vnc -watchdog
-watchdog-action -win2k-hack -xen-attach -xen-domid -xen-domid-restrict -alt-grab -ctrl-grab
-curses -localtime -no-frame -no-kvm -no-quit -sdl -show-cursor -soundhw -startdate -tb-size
-writeconfig
""".split()  # noqa: SIM905


def test_no_word_of_qemu_is_unknown() -> None:
    ours = {name.replace("--", "-", 1) for name in options.parser().known}

    assert [word for word in QEMU if word not in ours and word not in FOREIGN] == []


def test_no_foreign_word_is_one_of_ours() -> None:
    assert not FOREIGN.keys() & options.parser().known.keys()


@pytest.mark.parametrize("dashes", ["-", "--"])
@pytest.mark.parametrize("word", sorted(FOREIGN))
def test_a_foreign_word_is_refused_by_name_with_what_to_use(
    word: str, dashes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = dashes + word[1:]

    status = cli.main(["boot.img", name, "x"])

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(f"pyx86emu: unknown option {name}: ")
    assert err.count("\n") == 1
    assert err.endswith(f": {FOREIGN[word]}\n") or dashes == "--"


def test_each_sentence_names_only_options_that_there_are() -> None:
    known = options.parser().known
    for word, instead in FOREIGN.items():
        for part in instead.replace(",", " ").replace(":", " ").replace("`", " ").split():
            if part.startswith("-") and part != "--version":
                assert part in known, (word, part)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["x.img", "-singlestep"], "unknown option -singlestep: gdb executes single instructions"),
        (["x.img", "-monitor", "stdio"], "unknown option -monitor: there is no monitor"),
        (["x.img", "-disp", "none"], "unknown option -disp; options are not abbreviated"),
        (["x.img", "-cdrom", "c.iso"], "unknown option -cdrom: there is no CD-ROM drive"),
        (["x.img", "-help"], "unknown option -help: write --help"),
        (["x.img", "-screen"], "unknown option -screen: write --screen"),
        (["x.img", "--hda", "y"], "unknown option --hda: write -hda"),
        (["x.img", "-expec", "y"], "unknown option -expec; options are not abbreviated"),
    ],
)
def test_words_that_people_type(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2

    assert capsys.readouterr().err.startswith(f"pyx86emu: {text}")
