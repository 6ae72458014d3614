//! Who is refused before anything else happens: rates and counts per address and route.
