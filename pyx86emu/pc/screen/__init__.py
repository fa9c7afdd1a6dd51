"""The screen: give what the guest shows, as text and as pictures."""
