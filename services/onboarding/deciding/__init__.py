"""What each cause has as its effect on a journey, by subject; `domain.DECISIONS` is the list. Pure."""
