# SPDX-License-Identifier: MIT
"""What this machine's KVM offers."""
import fcntl
import os
import re


def nested_kvm():
    """(True, "") when QEMU with KVM could offer VT-x to its guest, else (False, why)."""
    if not os.path.exists("/dev/kvm"):
        return False, "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False, "/dev/kvm may not be opened by this user"
    try:
        handle = os.open("/dev/kvm", os.O_RDWR)
        try:
            version = fcntl.ioctl(handle, 0xAE00)  # KVM_GET_API_VERSION
        finally:
            os.close(handle)
    except OSError as error:
        return False, f"/dev/kvm does not open: {error.strerror}"
    if version != 12:
        return False, f"/dev/kvm speaks version {version}, not 12"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        if not re.search(r"^flags\s*:.*\bvmx\b", f.read(), re.M):
            return False, "the processor shows no vmx flag here"
    try:
        with open("/sys/module/kvm_intel/parameters/nested", encoding="ascii") as f:
            nested = f.read().strip()
    except OSError:
        return False, "kvm_intel is not loaded"
    return (True, "") if nested in ("Y", "1") else (False, "kvm_intel was loaded with nested=0")
