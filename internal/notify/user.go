// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// User is a user and his groups.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
}

// LookUp finds a user by USER or USER:GROUP, each a name or a number; without a group he has his own, and all that he belongs
// to. It returns nil, the daemon's own user, for "".
func LookUp(text string) (*User, error) {
	if text == "" {
		return nil, nil
	}
	name, group, given := strings.Cut(text, ":")
	found, err := user.Lookup(name)
	if err != nil {
		var byID error
		if found, byID = user.LookupId(name); byID != nil {
			return nil, fmt.Errorf("user %q: there is no such user: make it (useradd --system %s) or write another", name, name)
		}
	}
	u := &User{}
	if u.UID, err = number(found.Uid); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	if given {
		g, err := user.LookupGroup(group)
		if err != nil {
			if g, err = user.LookupGroupId(group); err != nil {
				return nil, fmt.Errorf("user %q: there is no group %q", text, group)
			}
		}
		u.GID, err = number(g.Gid)
		return u, err
	}
	if u.GID, err = number(found.Gid); err != nil {
		return nil, fmt.Errorf("user %q: %w", name, err)
	}
	groups, err := found.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %q: %w", name, err)
	}
	for _, g := range groups {
		n, err := number(g)
		if err != nil {
			return nil, fmt.Errorf("groups of user %q: %w", name, err)
		}
		u.Groups = append(u.Groups, n)
	}
	return u, nil
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, errors.New("its number is not one: " + text)
	}
	return uint32(n), nil
}
