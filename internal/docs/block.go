// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"slices"
	"strings"
)

// Block is a fenced block of a page.
type Block struct {
	Line     int      // of its opening fence, from 1
	Language string   // "sh"; empty without a word
	Words    []string // what stands behind the language
	Text     string   // ends with a newline, unless empty
}

// Has reports whether a word stands behind the block's language.
func (b Block) Has(word string) bool {
	return slices.Contains(b.Words, word)
}

// Blocks returns the fenced blocks of a page in Markdown. Those in lists may be indented.
func Blocks(page string) ([]Block, error) {
	var out []Block
	var open *Block
	indent := ""
	for n, l := range strings.Split(page, "\n") {
		bare := strings.TrimLeft(l, " ")
		fence, isFence := strings.CutPrefix(bare, "```")
		switch {
		case isFence && open == nil:
			words := strings.Fields(fence)
			open, indent = &Block{Line: n + 1}, l[:len(l)-len(bare)]
			if len(words) > 0 {
				open.Language, open.Words = words[0], words[1:]
			}
		case isFence:
			if fence != "" {
				return nil, fmt.Errorf("line %d: a block begins inside the one of line %d", n+1, open.Line)
			}
			out = append(out, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(l, indent) + "\n"
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block does not end", open.Line)
	}
	return out, nil
}
