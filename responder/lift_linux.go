// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
)

// LiftServing makes every address that a dead process served refused again, and leaves the table for the next one to
// adopt, and likewise for sk_lookup. It is for the supervisor: it waits up to 2 s, or until ctx ends, for the dead process to
// let go. No table is no error: then nothing refuses and nothing can be lifted. A plain table must not be lifted before its process
// is dead: it would put the elements back. table is DefaultTable if empty.
func LiftServing(ctx context.Context, table string) error {
	if table == "" {
		table = DefaultTable
	}
	found, lookupErr := liftLookup(ctx, table)
	tableErr := liftTable(ctx, table)
	if found && !passing(tableErr) {
		tableErr = nil // nftables cannot be used, so the dead process used sk_lookup
	}
	if err := errors.Join(lookupErr, tableErr); err != nil {
		return fmt.Errorf("refuse again what was served: %w", err)
	}
	return nil
}

func liftTable(ctx context.Context, name string) (err error) {
	c, err := dial()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return lift(ctx, c, name)
}

// lift empties the serve sets as soon as the table's owner lets it.
func lift(ctx context.Context, c *conn, name string) error {
	ctx, cancel := context.WithTimeout(ctx, takePatience)
	defer cancel()
	t := table{c: c, name: name}
	return patiently(ctx, func() error {
		found, err := t.find()
		if err != nil || found == nil {
			return err
		}
		// A table without owner can be changed by anybody: there is no need to own it for this one change.
		return t.emptyServing()
	})
}
