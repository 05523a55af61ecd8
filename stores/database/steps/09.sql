-- Records made from another agent's record go with it, as before; since then it takes more than
-- to name the record among one's sources.
INSERT OR IGNORE INTO links SELECT l.user, l.source, l.record, 'quote' FROM records d
    CROSS JOIN links l ON l.record = d.seq AND l.how = 'source' AND l.user = d.user
    CROSS JOIN records s ON s.user = l.user AND s.id = l.source
    WHERE d.agent IS NOT NULL AND s.agent IS NOT d.agent AND 1
;