"""Reading five providers' public job boards, and keeping what they said. Knows `settings`, `values`, `storage`."""
