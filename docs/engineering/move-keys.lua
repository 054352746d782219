-- Moves an installation without a key prefix under the prefix that is its argument. See operations.md.
local prefix, found = ARGV[1], {}
if not string.find(prefix, '^[%w._:-]+$') or string.find(prefix, '^edgewise:') then
  return redis.error_reply('Choose another prefix. Use letters, digits, dots, colons, - and _, and no edgewise: in front.')
end
if redis.call('EXISTS', 'edgewise:sites') == 0 then
  return redis.error_reply('Found no installation without a prefix.')
end
if redis.call('EXISTS', prefix .. 'edgewise:sites') == 1 then
  return redis.error_reply('The prefix has an installation already. Choose another one.')
end
if redis.call('OBJECT', 'IDLETIME', 'edgewise:sites') < 5 then
  return redis.error_reply('A server used the installation less than 5 seconds ago. Stop it, and wait.')
end
for _, pattern in ipairs({'edgewise:*', '{*'}) do
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do found[key] = true end
  until cursor == '0'
end
local moved = 0
for key in pairs(found) do
  redis.call('RENAME', key, prefix .. key)
  moved = moved + 1
end
return moved
