-- How deep recursive types may nest: as in generated C code.
local MAX_DEPTH = 512
-- How deep the tree of a message gets, and how many values of one call of the dissector are in
-- it: Wireshark gives up at 500 and 1,000,000.
local MAX_LEVELS = 100
local MAX_ITEMS = 300000
-- The longest payload that is waited for.
local MAX_LENGTH = 64 * 1024 * 1024
local HEADER = 16

local OK, PENDING = 0, -1
local STATUSES = {
	[0] = "MINIRPC_OK",
	[-1] = "MINIRPC_PENDING",
	[-2] = "MINIRPC_ENCODING_ERR",
	[-3] = "MINIRPC_PROCEDURE_UNAVAIL",
	[-4] = "MINIRPC_INVALID_ARGUMENT",
	[-5] = "MINIRPC_INVALID_PROTOCOL",
	[-6] = "MINIRPC_NETWORK_FAILURE",
	[-7] = "MINIRPC_TIMEDOUT",
	[-8] = "MINIRPC_CANCELLED",
	[-9] = "MINIRPC_BUSY",
}

local made, protocol = pcall(Proto, NAME, NAME .. " (miniRPC)")
if not made then
	-- Wireshark knows another one of this name.
	protocol = Proto(NAME .. "_minirpc", NAME .. " over miniRPC")
end

-- ---- fields ----

local own = {
	kind = ProtoField.string(NAME .. ".kind", "Kind"),
	procedure = ProtoField.string(NAME .. ".procedure", "Procedure"),
	sequence = ProtoField.uint32(NAME .. ".sequence", "Sequence"),
	status = ProtoField.int32(NAME .. ".status", "Status", base.DEC, STATUSES),
	cmd = ProtoField.int32(NAME .. ".cmd", "Cmd"),
	length = ProtoField.uint32(NAME .. ".length", "Length"),
	request_in = ProtoField.framenum(NAME .. ".request_in", "Request in frame",
		base.NONE, frametype.REQUEST),
	reply_in = ProtoField.framenum(NAME .. ".reply_in", "Reply in frame",
		base.NONE, frametype.RESPONSE),
	time = ProtoField.relative_time(NAME .. ".time", "Time since the request"),
}
local experts = {
	malformed = ProtoExpert.new(NAME .. ".expert.malformed", "Does not decode",
		expert.group.MALFORMED, expert.severity.ERROR),
	unknown = ProtoExpert.new(NAME .. ".expert.unknown", "No such procedure",
		expert.group.UNDECODED, expert.severity.WARN),
	foreign = ProtoExpert.new(NAME .. ".expert.foreign", "A type that is declared in C",
		expert.group.UNDECODED, expert.severity.NOTE),
	long = ProtoExpert.new(NAME .. ".expert.long", "Longer than what is dissected",
		expert.group.UNDECODED, expert.severity.WARN),
	cut = ProtoExpert.new(NAME .. ".expert.cut", "The capture has only its beginning",
		expert.group.UNDECODED, expert.severity.WARN),
	lost = ProtoExpert.new(NAME .. ".expert.lost", "No message begins here: bytes before are missing",
		expert.group.SEQUENCE, expert.severity.WARN),
	failed = ProtoExpert.new(NAME .. ".expert.failed", "The call failed",
		expert.group.RESPONSE_CODE, expert.severity.NOTE),
	hidden = ProtoExpert.new(NAME .. ".expert.hidden", "More values than are shown",
		expert.group.UNDECODED, expert.severity.NOTE),
}

local all, by_key = {}, {}
for _, field in pairs(own) do
	all[#all + 1] = field
end

local function register(member)
	if member == nil or by_key[member.key] then
		return
	end
	local key, name, kind = member.key, member.name, member.field
	local field
	if member.enum then
		field = ProtoField.int32(key, name, base.DEC, TYPES[member.enum].names)
	else
		field = ProtoField[kind](key, name)
	end
	by_key[key] = field
	all[#all + 1] = field
end

for _, kind in ipairs(TYPES) do
	for _, member in ipairs(kind.members or {}) do
		register(member)
	end
	register(kind.discriminant)
	for _, arm in ipairs(kind.arms or {}) do
		register(arm.member)
	end
	register((kind.default or {}).member)
end
for _, procedures in pairs(PROCEDURES) do
	for _, procedure in pairs(procedures) do
		register(procedure.argument)
		register(procedure.result)
	end
end
protocol.fields = all
protocol.experts = experts

-- ---- how long values are ----

local function padded(count)
	return count + (4 - count % 4) % 4
end

-- The least and the most bytes. Types that lead to themselves do so by what may be empty, and
-- have no most.
local bounds

local function bounds_of_members(members)
	local least, most = 0, 0
	for _, member in ipairs(members) do
		local a, b = bounds(member.type)
		least, most = least + a, most + b
	end
	return least, most
end

local function find_bounds(type)
	local kind = type.kind
	if kind == "int" then
		local size = type.bits == 64 and 8 or 4
		return size, size
	elseif kind == "double" then
		return 8, 8
	elseif kind == "opaque" then
		return padded(type.count), padded(type.count)
	elseif kind == "bytes" or kind == "string" then
		return 4, 4 + padded(type.bound)
	elseif kind == "array" then
		if type.count == 0 then
			return 0, 0
		end
		local a, b = bounds(type.of)
		return type.count * a, type.count * b
	elseif kind == "list" then
		local _, most = bounds(type.of)
		return 4, type.bound == 0 and 4 or 4 + type.bound * most
	elseif kind == "optional" then
		local _, most = bounds(type.of)
		return 4, 4 + most
	elseif kind == "named" then
		return bounds(TYPES[type.at])
	elseif kind == "struct" then
		return bounds_of_members(type.members)
	elseif kind == "union" then
		local least, most = math.huge, 0
		local arms = { table.unpack(type.arms) }
		arms[#arms + 1] = type.default
		for _, arm in ipairs(arms) do
			local a, b = bounds_of_members({ arm.member })
			least, most = math.min(least, a), math.max(most, b)
		end
		local a, b = bounds(type.discriminant.type)
		return a + (least < math.huge and least or 0), b + most
	elseif kind == "foreign" then
		return 0, math.huge
	end
	return 4, 4
end

function bounds(type)
	if type.least == nil then
		type.least, type.most = 0, math.huge
		type.least, type.most = find_bounds(type)
	end
	return type.least, type.most
end

local function fits(member, length)
	if member == nil then
		return length == 0
	end
	local least, most = bounds(member.type)
	return length % 4 == 0 and length >= least and length <= most
end

-- ---- values ----

-- A reader goes through the bytes of one payload. Without a tree it only looks whether they
-- decode. What does not decode is an error that is a table; without a reason where more bytes
-- are to come.
local function fail(reason)
	error({ reason = reason })
end

local function take(reader, count)
	local at = reader.at
	if count > reader.stop - at then
		fail("the payload ends here")
	elseif count > reader.here - at then
		fail(nil)
	end
	reader.at = at + count
	return at
end

local function word(reader)
	return reader.tvb(take(reader, 4), 4):uint()
end

local function is_shown(reader, tree)
	if tree == nil then
		return false
	end
	if reader.items <= 0 then
		reader.hidden = true
		return false
	end
	reader.items = reader.items - 1
	return true
end

-- With a value where the bytes alone do not tell it.
local function show(reader, tree, member, range, value)
	if not is_shown(reader, tree) then
		return
	end
	if value == nil then
		tree:add(by_key[member.key], range)
	else
		tree:add(by_key[member.key], range, value)
	end
end

-- A tree for what is within, which closes it.
local function open(reader, tree, member)
	if not is_shown(reader, tree) then
		return nil
	end
	reader.levels = reader.levels + 1
	if reader.levels > MAX_LEVELS then
		return tree
	end
	local left = reader.stop - reader.at
	local item = tree:add(by_key[member.key], reader.tvb(reader.at, math.min(left, 4)))
	return item
end

local function close(reader, item, begun)
	if item == nil then
		return
	end
	if reader.levels <= MAX_LEVELS and reader.at > begun then
		item:set_len(reader.at - begun)
	end
	reader.levels = reader.levels - 1
end

local function signed(word)
	return word >= 0x80000000 and word - 0x100000000 or word
end

-- What a number on the wire is in memory.
local function narrowed(type, word)
	if type.kind == "bool" then
		return word ~= 0 and 1 or 0
	end
	if type.kind == "int" then
		local size = 2 ^ type.bits
		word = word % size
		if type.signed and word >= size / 2 then
			word = word - size
		end
		return math.floor(word)
	end
	return signed(word)
end

local function counted(reader, bound)
	local count = word(reader)
	if count > bound then
		fail(string.format("%.0f is more than %.0f", count, bound))
	end
	return count
end

local value, members_of

local function chain(reader, tree, kind)
	local links = #kind.members
	local link = kind.members[links]
	local begun, item = reader.at, nil
	local within = tree
	repeat
		members_of(reader, within, kind, links - 1)
		close(reader, item, begun)
		begun = reader.at
		local more = word(reader) ~= 0
		if more then
			item = open(reader, tree, link)
			within = item
		end
	until not more
end

local function nested(reader, kind, read)
	if kind.recursive then
		reader.depth = reader.depth + 1
		if reader.depth > MAX_DEPTH then
			fail("nested too deep")
		end
	end
	read()
	if kind.recursive then
		reader.depth = reader.depth - 1
	end
end

function members_of(reader, tree, kind, count)
	for i = 1, count do
		local member = kind.members[i]
		value(reader, tree, member, member.type)
	end
end

local function union(reader, tree, kind)
	local discriminant = kind.discriminant
	local at = reader.at
	local case = signed(narrowed(discriminant.type, word(reader)) % 0x100000000)
	reader.at = at
	value(reader, tree, discriminant, discriminant.type)
	local found = kind.default
	for _, arm in ipairs(kind.arms) do
		for _, number in ipairs(arm.cases) do
			if number == case then
				found = arm
			end
		end
	end
	if found == nil then
		fail(string.format("%s: no arm has this discriminant", discriminant.name))
	end
	if found.member then
		value(reader, tree, found.member, found.member.type)
	end
end

local function named(reader, tree, member, kind)
	local begun = reader.at
	if kind.kind == "enum" then
		local number = signed(word(reader))
		show(reader, tree, member, reader.tvb(begun, 4), number)
		return
	end
	local item = open(reader, tree, member)
	nested(reader, kind, function()
		if kind.kind == "union" then
			union(reader, item, kind)
		elseif kind.tail then
			chain(reader, item, kind)
		else
			members_of(reader, item, kind, #kind.members)
		end
	end)
	close(reader, item, begun)
end

-- A list of structs: its elements stand side by side, without the pointer to the next.
local function listed(reader, tree, member, kind)
	nested(reader, kind, function()
		repeat
			local begun = reader.at
			local item = open(reader, tree, member)
			members_of(reader, item, kind, #kind.members - 1)
			close(reader, item, begun)
		until word(reader) == 0
	end)
end

local function optional(reader, tree, member, of)
	if word(reader) == 0 then
		return
	end
	local kind = of.kind == "named" and TYPES[of.at] or {}
	if kind.list then
		listed(reader, tree, member, kind)
	else
		value(reader, tree, member, of)
	end
end

function value(reader, tree, member, type)
	local kind, at = type.kind, reader.at
	if kind == "int" and type.bits == 64 or kind == "double" then
		show(reader, tree, member, reader.tvb(take(reader, 8), 8))
	elseif kind == "int" then
		local number = narrowed(type, word(reader))
		show(reader, tree, member, reader.tvb(at, 4), number)
	elseif kind == "float" or kind == "bool" then
		show(reader, tree, member, reader.tvb(take(reader, 4), 4))
	elseif kind == "opaque" then
		take(reader, padded(type.count))
		show(reader, tree, member, reader.tvb(at, type.count))
	elseif kind == "bytes" then
		local count = counted(reader, type.bound)
		local begin = take(reader, padded(count))
		-- An empty range at the end would be out of bounds.
		show(reader, tree, member, reader.tvb(count > 0 and begin or at, count))
	elseif kind == "string" then
		local count = counted(reader, type.bound)
		local begin = take(reader, padded(count))
		local text = count > 0 and reader.tvb(begin, count) or nil
		if text and text:bytes():raw():find("\0", 1, true) then
			fail("a string with a zero byte")
		end
		local whole = reader.tvb(at, reader.at - at)
		show(reader, tree, member, whole, text and text:string(ENC_UTF_8) or "")
	elseif kind == "array" or kind == "list" then
		local count = type.count or counted(reader, type.bound)
		local _, most = bounds(type.of)
		-- Of what takes no bytes there may be billions.
		for _ = 1, most > 0 and count or 0 do
			value(reader, tree, member, type.of)
		end
	elseif kind == "optional" then
		optional(reader, tree, member, type.of)
	elseif kind == "named" then
		named(reader, tree, member, TYPES[type.at])
	else
		reader.foreign = true
		local left = reader.stop - at
		if left > 0 then
			show(reader, tree, member, reader.tvb(take(reader, left), left))
		end
	end
end

-- Nil, or why the payload is not one value and nothing more, as far as it is here. `items` may be
-- shown.
local function payload(tvb, at, length, member, tree, items)
	local reader = { tvb = tvb, at = at, stop = at + length, here = tvb:len(), items = items,
		depth = 0, levels = 0 }
	local done, problem = pcall(function()
		if member then
			value(reader, tree, member, member.type)
		end
		if reader.at < reader.stop then
			local left = reader.stop - reader.at
			if tree and reader.items > 0 then
				tree:add(tvb(reader.at, left), "Left over")
			end
			fail(string.format("%d bytes are left over", left))
		end
	end)
	if done then
		return nil, reader
	end
	if type(problem) ~= "table" then
		error(problem, 0)
	end
	return problem.reason, reader
end

