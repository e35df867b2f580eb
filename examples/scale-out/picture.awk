# Draws what went on: events are lines of a tenth of a second and a text, and the second file has
# for each tenth its time, calls, attempts that failed, and calls that failed.
FNR == NR { at[++events] = $1; sub(/^[0-9]+ /, ""); text[events] = $0; next }
{ n++; time[n] = $1; calls[n] = $2 * 10; failed[n] = $3; lost += $4; if (calls[n] > most) most = calls[n] }
function x(i) { return sprintf("%.1f", 70 + i * 800 / n) }
function y(value) { return sprintf("%.1f", 260 - value * 200 / top) }
END {
	if (n == 0 || most == 0)
		exit 1
	unit = 10 ^ int(log(most) / log(10))
	top = unit * (int(most / unit) + 1)
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 900 330\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"900\" height=\"330\" fill=\"white\"/>"
	print "<text x=\"70\" y=\"20\" font-size=\"14\">Calls per second through the proxy (line), and attempts that failed and were repeated (bars)</text>"
	for (i = 0; i <= 5; i++) {
		value = top * i / 5
		printf "<line x1=\"70\" x2=\"870\" y1=\"%s\" y2=\"%s\" stroke=\"#ddd\"/><text x=\"62\" y=\"%s\" text-anchor=\"end\">%d</text>\n", y(value), y(value), y(value) + 4, value
	}
	for (i = 0; i <= n; i += 20)
		printf "<text x=\"%s\" y=\"278\" text-anchor=\"middle\">%d s</text>\n", x(i), i / 10
	for (i = 1; i <= n; i++)
		if (failed[i] > 0)
			printf "<rect x=\"%s\" y=\"%s\" width=\"4\" height=\"%s\" fill=\"#c33\"/><text x=\"%s\" y=\"%s\" fill=\"#c33\" text-anchor=\"middle\">%d</text>\n", x(i - 1), 260 - 6 * failed[i], 6 * failed[i], x(i - 0.5), 256 - 6 * failed[i], failed[i]
	line = ""
	for (i = 1; i <= n; i++)
		line = line " " x(i - 0.5) "," y(calls[i])
	print "<polyline fill=\"none\" stroke=\"#247\" stroke-width=\"1.5\" points=\"" line "\"/>"
	for (i = 1; i <= events; i++)
		printf "<line x1=\"%s\" x2=\"%s\" y1=\"40\" y2=\"260\" stroke=\"#888\" stroke-dasharray=\"4 3\"/><text x=\"%s\" y=\"%d\">%s</text>\n", x(at[i]), x(at[i]), x(at[i]) + 4, 38 + 14 * (i % 2), text[i]
	printf "<text x=\"70\" y=\"310\">%d seconds; calls that failed in the end: %d.</text>\n", n / 10, lost
	print "</svg>"
}
