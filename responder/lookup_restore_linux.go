// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// renew puts our program with our maps in the place of outdated ones. If it ends half way, they are outdated still.
func (p *pins) renew() error {
	if !p.outdated {
		return nil
	}
	if err := p.link.Update(p.program); err != nil {
		return fmt.Errorf("replace the program for sk_lookup: %w", err)
	}
	p.outdated = false
	return p.pin()
}

// pin lets the objects outlive this process.
func (p *pins) pin() error {
	if p.home == nil {
		return nil
	}
	if !p.home.ours() {
		if err := os.MkdirAll(p.home.dir, 0o700); err != nil {
			return err
		}
		h, err := takeHome(p.home.dir)
		if err != nil {
			return err
		}
		_ = p.home.close() // of a directory that is gone
		p.home = h
	}
	for _, o := range p.objects() {
		path := p.home.path(o.name)
		err := errors.Join(o.of.Unpin(), removeFile(path))
		if err == nil {
			err = o.of.Pin(path)
		}
		if err != nil {
			return fmt.Errorf("pin %s: %w", path, err)
		}
	}
	return nil
}

// restore attaches and pins what somebody detached or unpinned; why says what that was, if anything.
func (p *pins) restore() (why string, err error) {
	if attachedTo(p.link) != p.inode {
		why = "the program was detached"
		if err := p.attach(); err != nil {
			return why, err
		}
		p.outdated = false
	}
	if p.home == nil || p.outdated {
		return why, nil
	}
	for _, o := range p.objects() {
		if _, err := os.Lstat(p.home.path(o.name)); errors.Is(err, fs.ErrNotExist) && why == "" {
			why = o.name + " is no longer in " + p.home.dir
		}
	}
	if why == "" {
		return "", nil
	}
	return why, p.pin()
}
