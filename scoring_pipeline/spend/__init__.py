"""Money: estimates before paying, the budget account that reserves and settles, and sums over what was paid."""
