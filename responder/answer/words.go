// SPDX-License-Identifier: Apache-2.0

package answer

// wordsLimit bounds what is said to people.
const wordsLimit = 500

// words are for people: the text if there is one, else what is known of the service.
func (f *Facts) words(text string) string {
	if text != "" {
		return text
	}
	s := f.Service
	if s == "" {
		s = "the service"
	}
	s += " is not available here"
	if f.Reason != "" {
		s += ": " + f.Reason
	}
	if f.Next != "" {
		s += "; try " + f.Next
	}
	return s
}

// appendClean appends words without what would break the protocol around them: control characters become blanks. It cuts
// what is too long, between characters.
func appendClean(b []byte, s string) []byte {
	if len(s) > wordsLimit {
		end := wordsLimit
		for end > 0 && s[end]&0xc0 == 0x80 {
			end--
		}
		s = s[:end]
	}
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == 0x7f {
			c = ' '
		}
		b = append(b, c)
	}
	return b
}
