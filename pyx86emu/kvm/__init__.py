"""KVM as a back end: the host's processor runs the guest, /dev/kvm says why it stopped."""
