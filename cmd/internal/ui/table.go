package ui

import "strings"

// A Column is a title and how its cells are laid out.
type Column struct {
	Title string
	Right bool // numbers: aligned to the right
	Min   int  // never made narrower than this; 0: never made narrower at all
}

// A Table is rows under titles. Where the terminal is too narrow, the columns
// that have a Min give way, the widest first; where that is not enough, rows are wrapped.
type Table struct {
	Columns []Column
	rows    [][]Text
}

// Add appends a row. Cells that are no Text are escaped.
func (t *Table) Add(cells ...any) {
	row := make([]Text, len(t.Columns))
	for i := range min(len(cells), len(row)) {
		row[i] = Plain(cells[i])
	}
	t.rows = append(t.rows, row)
}

const columnGap = "  "

// Table prints t. Titles are left out where no column has one.
func (c *Console) Table(t *Table) {
	rows := make([][]Text, 0, len(t.rows)+1)
	if titles, any := t.titles(); any {
		rows = append(rows, titles)
	}
	for _, row := range t.rows {
		redacted := make([]Text, len(row))
		for i, cell := range row {
			redacted[i] = c.cell(cell)
		}
		rows = append(rows, redacted)
	}
	widths := t.widths(rows, c.Width())
	var b strings.Builder
	for _, row := range rows {
		b.WriteString(t.line(row, widths) + "\n")
	}
	c.Print(Text{b.String()})
}

func (t *Table) titles() (row []Text, any bool) {
	for _, col := range t.Columns {
		row = append(row, Bold(col.Title))
		any = any || col.Title != ""
	}
	return row, any
}

// widths returns the columns' widths, made to fit into total unless that is 0.
func (t *Table) widths(rows [][]Text, total int) []int {
	widths := make([]int, len(t.Columns))
	sum := len(columnGap) * max(len(t.Columns)-1, 0)
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], row[i].Width())
		}
		sum += widths[i]
	}
	for total > 0 && sum > total {
		widest := -1
		for i, col := range t.Columns {
			if col.Min > 0 && widths[i] > col.Min && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		sum--
	}
	return widths
}

func (t *Table) line(row []Text, widths []int) string {
	cells := make([]Text, len(row))
	for i, cell := range row {
		cell = cell.Cut(widths[i])
		switch {
		case t.Columns[i].Right:
			cell = cell.PadLeft(widths[i])
		case i < len(row)-1:
			cell = cell.Pad(widths[i])
		}
		cells[i] = cell
	}
	return strings.TrimRight(Join(cells, columnGap).s, " ")
}
