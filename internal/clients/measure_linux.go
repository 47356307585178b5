// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// replays is how many elections may be unsettled before that is an error.
const replays = 10

// Replayed says why takeovers were played again: their election was unsettled.
func (s *Site) Replayed() []error { return s.replayed }

// Measure measures a client with each of its answers, the default one first: times takeovers each, or two if it hangs. It returns
// an error if the client cannot be measured, or if it met what no client may meet.
func (s *Site) Measure(ctx context.Context, c Client, n Names, times int) (Row, error) {
	row := Row{Client: c.Name, How: c.How, Note: c.Note, Version: VersionOf(n, c.Version), Port: c.Port, Server: c.Server}
	if !c.Held {
		var err error
		if row.Undisturbed, err = s.undisturbed(ctx, c, n, times); err != nil {
			return row, err
		}
	}
	for round, answer := range append([]string{Default}, c.Answers...) {
		var trials []Trial
		for len(trials) < times {
			t, err := s.Try(ctx, c, n, round)
			if errors.Is(err, errUnsettled) && len(s.replayed) < replays {
				s.replayed = append(s.replayed, fmt.Errorf("%s, %s: %w", c.Label(), answer, err))
				continue
			}
			if err != nil {
				return row, fmt.Errorf("%s, %s: %w", c.Label(), answer, err)
			}
			if err := fault(t, round); err != nil {
				return row, fmt.Errorf("%s, %s: %w", c.Label(), answer, err)
			}
			trials = append(trials, t)
			if t.Outcome == Hangs && len(trials) == 2 {
				break // each costs its whole patience
			}
		}
		r := Summary(answer, trials)
		if c.Held && r.Said == "" {
			r.Said = trials[0].Said
		}
		row.Results = append(row.Results, r)
	}
	row.Configure = best(row.Results)
	return row, nil
}

// fault says what no client may meet.
func fault(t Trial, round int) error {
	switch {
	case t.Outcome == Wrong:
		return fmt.Errorf("reached the wrong server: %s", t.Said)
	case t.Got == NotAsked:
		return fmt.Errorf("it did not ask at the first address, and says nothing about it (%s)", t.Outcome)
	case t.Got == Nothing:
		return fmt.Errorf("the first address said nothing at all (%s)", t.Outcome)
	case round == 0 && t.Got == Spoken:
		return fmt.Errorf("the first address spoke, but was to refuse (%s)", t.Outcome)
	}
	return nil
}

// undisturbed is the median of a client's times when nothing is lost, in milliseconds. It has to be served at each address alone.
func (s *Site) undisturbed(ctx context.Context, c Client, n Names, times int) (float64, error) {
	if _, err := s.AtSecond(ctx, c, n); err != nil {
		return 0, err
	}
	var took []time.Duration
	for range times {
		d, err := s.Undisturbed(ctx, c, n)
		if err != nil {
			return 0, err
		}
		took = append(took, d)
	}
	slices.Sort(took)
	return float64(took[len(took)/2].Microseconds()) / 1000, nil
}

// Ready waits until a client is served at each address, which is how one knows that the servers have started.
func (s *Site) Ready(ctx context.Context, c Client, n Names) error {
	for end := time.Now().Add(2 * patience); ; {
		_, err := s.AtSecond(ctx, c, n)
		if err == nil {
			_, err = s.Undisturbed(ctx, c, n)
		}
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}
