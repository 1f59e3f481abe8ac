"""What tiles really read and write, against what `ariel_build/cores/access.py` claims."""
