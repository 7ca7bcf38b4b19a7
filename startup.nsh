@echo -off
# SPDX-License-Identifier: MIT
# Starts Toril from the UEFI shell. Put it beside BOOTX64.EFI, or on a disk with \EFI\BOOT\BOOTX64.EFI.
# Options of the machine and arguments of the application follow its name:
#   fs0:\startup.nsh ip=192.168.1.5/24 -- 7
# or take the place of %1 to %9 below: when the shell starts, it runs this file without any.
for %v in 0 1 2 3 4 5 6 7 8 9
    if exist fs%v:\BOOTX64.EFI then
        fs%v:\BOOTX64.EFI %1 %2 %3 %4 %5 %6 %7 %8 %9
        goto done
    endif
    if exist fs%v:\EFI\BOOT\BOOTX64.EFI then
        fs%v:\EFI\BOOT\BOOTX64.EFI %1 %2 %3 %4 %5 %6 %7 %8 %9
        goto done
    endif
endfor
echo "startup.nsh: no BOOTX64.EFI on fs0: to fs9:"
:done
