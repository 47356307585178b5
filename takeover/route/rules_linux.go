// SPDX-License-Identifier: Apache-2.0

package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// AddRules installs rules. One that is there already is no error. The errors belong to the rules one by one; nil means
// that all went well. A rule without a priority goes before all others but the first, as ip-rule(8) has it.
func (k *Kernel) AddRules(rules []Rule) []error {
	return k.eachRule("add", rules, func(r Rule, there []Rule) error {
		if !slices.ContainsFunc(there, r.like) {
			data, err := r.message()
			if err != nil {
				return err
			}
			if err := k.execute(rtmNewRule, netlink.Create|netlink.Excl, data); err != nil && !errors.Is(err, unix.EEXIST) {
				return err
			}
		}
		k.rules[r] = &heldRule{}
		return nil
	})
}

// DeleteRules removes rules: those that carry their protocol (see [Protocol]) and are in all else what the line says. One
// that is absent is no error.
func (k *Kernel) DeleteRules(rules []Rule) []error {
	return k.eachRule("delete", rules, func(r Rule, there []Rule) error {
		delete(k.rules, r)
		// The kernel deletes the first rule that has what is asked for, and may have more. So it is told everything.
		i := slices.IndexFunc(there, r.like)
		if i < 0 {
			return nil
		}
		r.Priority = there[i].Priority
		data, err := r.message()
		if err != nil {
			return err
		}
		if err := k.execute(rtmDelRule, 0, data); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ESRCH) {
			return err
		}
		return nil
	})
}

func (k *Kernel) eachRule(verb string, rules []Rule, do func(r Rule, there []Rule) error) []error {
	if len(rules) == 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := make([]error, len(rules))
	there, err := k.listed()
	for i, r := range rules {
		if errs[i] = err; err == nil {
			errs[i] = do(r, there)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s rule %q: %w%s", verb, r, errs[i], hint(errs[i]))
		}
	}
	return k.conclude(verb, errs)
}

// listed reads all rules, in the order in which they apply.
func (k *Kernel) listed() (out []Rule, err error) {
	for _, f := range []byte{familyIPv4, familyIPv6} {
		msgs, err := k.dump(rtmGetRule, []byte{0: f, lengthRoute - 1: 0})
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		for _, m := range msgs {
			r, ok, err := parseRule(m.Data)
			if err != nil {
				return nil, fmt.Errorf("read rules: %w", err)
			}
			if ok {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// sortRoutes puts routes into an order that does not change.
func sortRoutes(routes []Route) {
	slices.SortFunc(routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.table(), b.table()), a.To.Compare(b.To), cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.String(), b.String()))
	})
}
