# SPDX-License-Identifier: MIT
# bash completion for sndtimeo(1). With bash-completion installed the command is completed as it would be alone.

# Print the candidates for the value $2 of the option $1; returns 1 if they are files.
_sndtimeo_values() {
	case $1 in
	-c | --connect | -s | --send | --send-total | --unacked | --for)
		# A number gets its units, and nothing gets some that are common.
		if [[ $2 =~ ^[0-9]*\.?[0-9]+$ ]]; then
			compgen -W "$2ms $2s $2m $2h" -- "$2"
		else
			compgen -W '1s 3s 10s 30s 1m 5m off' -- "$2"
		fi
		;;
	--min-rate)
		if [[ $2 =~ ^[0-9]*\.?[0-9]+$ ]]; then
			compgen -W "$2K $2M $2G" -- "$2"
		else
			compgen -W '4K 64K 1M off' -- "$2"
		fi
		;;
	--policy) compgen -W 'replace cap' -- "$2" ;;
	--log-format) compgen -W 'text json' -- "$2" ;;
	--log)
		[[ $2 != /* ]] || return 1
		compgen -W 'stderr syslog off /' -- "$2"
		;;
	--rule) ;;
	--config | --record) return 1 ;;
	--status | --attach)
		local process
		for process in /proc/[0-9]*; do
			[[ ! -O $process && $EUID != 0 ]] || printf '%s\n' "${process#/proc/}"
		done | while read -r process; do
			[[ $process != "$2"* ]] || printf '%s\n' "$process"
		done
		;;
	esac
}

_sndtimeo_takes_value() {
	case $1 in
	-c | -s | --connect | --send | --send-total | --min-rate | --unacked | --policy | --rule | --config | --log | \
		--log-format | --status | --attach | --for | --record) ;;
	*) return 1 ;;
	esac
}

# The place of the command in COMP_WORDS, or of the word that is completed if that comes first; the option whose value
# is completed is left in $option.
_sndtimeo_find_command() {
	local i=1
	option=
	while ((i < COMP_CWORD)); do
		case ${COMP_WORDS[i]} in
		--)
			((++i))
			break
			;;
		-*)
			if _sndtimeo_takes_value "${COMP_WORDS[i]}"; then
				# readline makes three words of --send=30, as = is in COMP_WORDBREAKS.
				[[ ${COMP_WORDS[i + 1]-} != = ]] || ((i + 1 >= COMP_CWORD)) || ((++i))
				((i + 1 < COMP_CWORD)) || option=${COMP_WORDS[i]}
				[[ $option != = ]] || option=${COMP_WORDS[i - 1]}
				((++i))
			fi
			;;
		*) break ;;
		esac
		((++i))
	done
	place=$((i < COMP_CWORD ? i : COMP_CWORD))
}

_sndtimeo() {
	local word=${COMP_WORDS[COMP_CWORD]} option place before
	local options='-c --connect -s --send --send-total --min-rate --unacked --policy --rule --config --log --log-format
		-v --verbose --dry-run --summary --inside --outside --check --force --record --attach --for --status --follow --json -h --help -V --version'
	COMPREPLY=()
	_sndtimeo_find_command
	if [[ $option ]]; then
		[[ $word != = ]] || word=
		if _sndtimeo_values "$option" "$word" >/dev/null; then
			mapfile -t COMPREPLY < <(_sndtimeo_values "$option" "$word")
		else
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
		fi
		return
	fi
	before=${COMP_WORDS[place - 1]}
	if [[ $place == "$COMP_CWORD" && $word == -* && $before != -- ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
		return
	fi
	if declare -F _command_offset >/dev/null; then
		_command_offset "$place"
	elif [[ $place == "$COMP_CWORD" ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$word")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
	fi
}

complete -F _sndtimeo sndtimeo
