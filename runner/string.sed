# A text as a string of C. (meson takes no backslash in a command.)
s/[\\"]/\\&/g
s/.*/"&\\n"/
