"""The screen: what the guest shows, as text and as pictures."""
