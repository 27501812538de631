"""The grammar of queries, and what people write in it.

    a red circle                        words of the prompt, in any order; case does not count
    "red circle"                        these words side by side
    light* *house                       words that begin or end like that; *ous* that contain it
    橘色 🐱                              Chinese, Japanese, Korean, emoji: a piece of the prompt
    tag:poster -tag:draft               a key and a value; - or NOT before anything: not that
    tag:poster OR tag:banner            either; AND binds closer, parentheses closer still
    (cat OR dog) NOT (tag:draft OR rating:..2)
    collection:"spring 2026"            a value with spaces stands in quotation marks, as in "a \\" b"
    model:sd* model:a[*]b               a * in a name stands for any characters, [*] for itself
    seed:1000..2000 seed:=7 id:1,5,9..  a range with both ends, one number, several of both
    added:-7d.. added:2026-11           days and months, counted back from now (h d w m y) or by name
    sort:rating-,added+                 the order: best rated first, then oldest first

Keys are `seedbank.query.KEYS`; their case does not count. ``AND`` may be written; these three words are capitals.
"""

GRAMMAR = r"""
?start: any?

?any: all (OR all)*
?all: one (AND? one)*
?one: NOT one                   -> negated
    | MINUS one                 -> negated
    | KEY (VALUE | STRING)      -> keyed
    | STRING                    -> phrase
    | WORD                      -> word
    | "(" any ")"               -> group

OR.6: /OR(?=[\s()"]|$)/
AND.6: /AND(?=[\s()"]|$)/
NOT.6: /NOT(?=[\s()"]|$)/
STRING.5: /"(\\.|[^"\\])*"/s
MINUS.4: /-(?=[^\s)])/
KEY.3: /[^\W\d][\w.]*:(?=[^\s()])/
VALUE.2: /[^\s()"]+/
WORD.1: /[^\s()"]+/

%ignore /\s+/
"""
