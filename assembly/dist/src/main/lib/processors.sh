# How many processors a container may use. Read by bin/hydra; starts no other program.

# Sets share to the processors that the quota of a control group and those above it amounts to,
# rounded up, or to 0 where there is no quota.
#
# $1  the groups of this process, /proc/self/cgroup
# $2  where control groups are mounted, /sys/fs/cgroup
quota_share() {
  share=0
  [ -r "$1" ] || return 0
  while IFS=: read -r id controllers group; do
    case $id:,$controllers, in
      0:,,) for_groups "$2" "$group" version_2 ;;
      *,cpu,*)
        # Some systems mount it under both names, some under one.
        if [ -d "$2/cpu" ]; then
          for_groups "$2/cpu" "$group" version_1
        else
          for_groups "$2/$controllers" "$group" version_1
        fi
        ;;
    esac
  done < "$1"
}

# Asks a group and all above it. A container may see the host's path of its group, which is not
# there, and its own quota at the root.
for_groups() {
  path=${2%/}
  while :; do
    $3 "$1$path"
    [ -n "$path" ] || break
    path=${path%/*}
  done
}

version_2() {
  [ -r "$1/cpu.max" ] || return 0
  read -r quota period < "$1/cpu.max" || return 0
  lower "$quota" "$period"
}

version_1() {
  [ -r "$1/cpu.cfs_quota_us" ] && [ -r "$1/cpu.cfs_period_us" ] || return 0
  read -r quota < "$1/cpu.cfs_quota_us" || return 0
  read -r period < "$1/cpu.cfs_period_us" || return 0
  lower "$quota" "$period"
}

# Both in microseconds; the quota is max or -1 where there is none.
lower() {
  case $1$2 in
    '' | *[!0-9]*) return 0 ;;
  esac
  [ "$1" -gt 0 ] && [ "$2" -gt 0 ] || return 0
  processors=$((($1 + $2 - 1) / $2))
  if [ "$share" -eq 0 ] || [ "$processors" -lt "$share" ]; then
    share=$processors
  fi
}
