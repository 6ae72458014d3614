-- Version 2. Results of matches, and how good their players are.

-- One row for each match that ended with a result. That its id is the key is what makes a result count once.
CREATE TABLE result (
    id    TEXT    NOT NULL PRIMARY KEY,
    game  TEXT    NOT NULL,
    mode  TEXT    NOT NULL,
    at_ms INTEGER NOT NULL -- when it was stored
) STRICT, WITHOUT ROWID;

CREATE INDEX result_by_time ON result (at_ms);

-- The people of a match, the best first. Bots are not here, so ranks may have gaps.
CREATE TABLE finish (
    result    TEXT    NOT NULL,
    place     INTEGER NOT NULL, -- 0, 1, 2, …
    user      TEXT,             -- NULL: forgotten
    name      TEXT,             -- what the user was called then; NULL: forgotten
    rank      INTEGER NOT NULL,
    points    INTEGER NOT NULL,
    mean      REAL,             -- the rating after the match; NULL: it changed nobody's
    deviation REAL,
    PRIMARY KEY (result, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX finish_by_user ON finish (user) WHERE user IS NOT NULL;

CREATE TABLE rating (
    game      TEXT    NOT NULL,
    user      TEXT    NOT NULL,
    name      TEXT    NOT NULL, -- what the user was called in the latest match
    mean      REAL    NOT NULL,
    deviation REAL    NOT NULL,
    score     INTEGER NOT NULL, -- (mean − 3 deviations) in thousandths: what lists are ordered by
    matches   INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL, -- the latest match
    PRIMARY KEY (game, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX rating_by_score ON rating (game, score DESC, at_ms);
CREATE INDEX rating_by_time ON rating (at_ms);
