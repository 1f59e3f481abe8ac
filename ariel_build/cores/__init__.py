"""Tiles for one core and for several: which bytes they touch, how they are shared, how long they take."""
