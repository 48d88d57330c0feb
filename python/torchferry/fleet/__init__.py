"""What do the reports of many machines come to: a store of them, what they have in common, and a gate. No torch."""
