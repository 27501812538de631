"""How seedbank's embedded model was made: scenes, captions, training, scores.

Nothing in the ``seedbank`` package imports this; see ``training/README.md``.
"""
