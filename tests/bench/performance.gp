# SPDX-License-Identifier: MIT
# Three curves of what a send costs: gnuplot -e "output='FILE'" performance.gp, beside the three files of numbers.
set terminal svg size 900,320 font 'sans-serif,12' background '#ffffff'
set output output
set multiplot layout 1,3
set logscale x
set format x '10^{%L}'
set yrange [0:*]
set grid ytics lc rgb '#dddddd'
set key bottom right
set ylabel 'ns of processor time a send'
do for [what in 'connections threads rules'] {
	set xlabel what
	plot what . '.dat' using 1:2 with linespoints lw 2 pt 7 lc rgb '#888888' title 'bare', \
	     what . '.dat' using 1:3 with linespoints lw 2 pt 6 lc rgb '#0060a8' title 'with limits'
	unset ylabel
}
unset multiplot
