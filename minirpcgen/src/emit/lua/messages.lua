-- ---- requests and their replies ----

-- By connection, receiver and number: the last request of it. By frame, what was found when it
-- was seen first, since numbers come again.
local requests, found = {}, {}

-- Whether what comes next on a connection begins with a message, as far as is known; also by frame.
local in_step = {}

function protocol.init()
	requests, found, in_step = {}, {}, {}
end

local stream_field = Field.new("tcp.stream")

local function key_of(stream, side, sequence)
	return string.format("%d/%s/%.0f", stream, side, sequence)
end

local function remember(pinfo, stream, side, head)
	local key = key_of(stream, side, head.sequence)
	local frame = pinfo.number .. "/" .. key
	if pinfo.visited and found[frame] then
		return found[frame]
	end
	local known = requests[key]
	-- It is told twice where a segment came twice.
	if known == nil or known.reply or known.cmd ~= head.cmd then
		known = { frame = pinfo.number, time = pinfo.rel_ts, cmd = head.cmd }
		requests[key] = known
	end
	found[frame] = known
	return known
end

local function recall(pinfo, stream, side, head)
	local key = key_of(stream, side, head.sequence)
	local frame = pinfo.number .. "/reply/" .. key
	if found[frame] then
		return found[frame]
	end
	local known = requests[key]
	if known and known.cmd == head.cmd and not pinfo.visited then
		found[frame] = known
		known.reply = known.reply or pinfo.number
		return known
	end
	return nil
end

-- ---- headers ----

local OTHER = { server = "client", client = "server" }

local function head_at(tvb, at)
	return {
		sequence = tvb(at, 4):uint(),
		status = tvb(at + 4, 4):int(),
		cmd = tvb(at + 8, 4):int(),
		length = tvb(at + 12, 4):uint(),
	}
end

local function is_reply(head)
	return head.status ~= PENDING
end

local function procedure_of(head, side)
	return PROCEDURES[is_reply(head) and OTHER[side] or side][head.cmd]
end

local function member_of(head, procedure)
	if procedure == nil then
		return nil
	elseif is_reply(head) then
		return head.status == OK and procedure.result or nil
	end
	return procedure.argument
end

-- Whether a header stands here that is of this interface in all it says.
local function is_sure(head, side)
	local procedure = procedure_of(head, side)
	if procedure == nil or is_reply(head) and head.cmd < 0 then
		return false
	end
	return fits(member_of(head, procedure), head.length) and head.length <= MAX_LENGTH
end

-- Whether it is the reply to a request that has come by.
local function answers(head, side, stream)
	local request = requests[key_of(stream, OTHER[side], head.sequence)]
	return request ~= nil and request.cmd == head.cmd
end

-- Whether one may stand here, where a message has to begin.
local function is_likely(head, side, stream)
	if is_sure(head, side) then
		return true
	end
	local procedure = procedure_of(head, side)
	if is_reply(head) then
		return answers(head, side, stream)
	end
	return procedure ~= nil or head.length % 4 == 0 and head.length <= MAX_LENGTH
end

-- What of a header's beginning can be one's.
local function may_begin(tvb, at, left, side)
	if left < 12 then
		return true
	end
	local head = { status = tvb(at + 4, 4):int(), cmd = tvb(at + 8, 4):int() }
	if head.status ~= PENDING and (head.status ~= OK or head.cmd < 0) then
		return false
	end
	return procedure_of(head, side) ~= nil
end

local function big_endian(number)
	number = number % 0x100000000
	local bytes = {}
	for i = 4, 1, -1 do
		bytes[i] = string.char(number % 256)
		number = math.floor(number / 256)
	end
	return table.concat(bytes)
end

-- What lost bytes are searched for: status and number of all that a side may be sent, but for
-- replies of calls that failed, since small numbers look like those.
local marks = {}
for side in pairs(OTHER) do
	marks[side] = {}
	for cmd in pairs(PROCEDURES[side]) do
		table.insert(marks[side], big_endian(PENDING) .. big_endian(cmd))
	end
	for cmd in pairs(PROCEDURES[OTHER[side]]) do
		if cmd > 0 then
			table.insert(marks[side], big_endian(OK) .. big_endian(cmd))
		end
	end
end

-- The longest message that is waited for where only its beginning says that there is one.
local MAX_GUESSED = 1024 * 1024

local function is_whole(tvb, at, head)
	return tvb:len() - at - HEADER >= head.length
end

-- Whether the payload decodes, as far as it is here.
local function decodes(tvb, at, head, side)
	local member = member_of(head, procedure_of(head, side))
	return payload(tvb, at + HEADER, head.length, member, nil, 0) == nil
end

-- Whether a message is here, among bytes of which nothing is known.
local function is_certain(tvb, at, head, side)
	if not is_sure(head, side) or head.length > MAX_GUESSED and not is_whole(tvb, at, head) then
		return false
	end
	return (head.status == PENDING or head.status == OK) and decodes(tvb, at, head, side)
end

-- The next place that a message begins at, or may: rather one that is whole.
local function search(tvb, from, side)
	local length = tvb:len()
	local raw = tvb:raw(from, length - from)
	local whole, part
	for _, mark in ipairs(marks[side]) do
		local found_at = 5
		while true do
			found_at = raw:find(mark, found_at, true)
			local place = found_at and from + found_at - 5
			if place == nil or place + HEADER > length or whole and place >= whole then
				break
			end
			local head = head_at(tvb, place)
			if is_certain(tvb, place, head, side) then
				if is_whole(tvb, place, head) then
					whole = place
				else
					part = math.min(part or place, place)
				end
			end
			found_at = found_at + 1
		end
	end
	if whole or part then
		return whole or part
	end
	for place = math.max(from, length - HEADER + 1), length - 1 do
		if may_begin(tvb, place, length - place, side) then
			return place
		end
	end
	return length
end

-- ---- messages ----

local function add_header(tree, tvb, at, head, kind, name)
	tree:add(own.kind, kind):set_generated()
	if name then
		tree:add(own.procedure, name):set_generated()
	end
	tree:add(own.sequence, tvb(at, 4))
	tree:add(own.status, tvb(at + 4, 4))
	local item = tree:add(own.cmd, tvb(at + 8, 4))
	if name then
		item:append_text(" (" .. name .. ")")
	end
	return tree:add(own.length, tvb(at + 12, 4))
end

local function since(seconds)
	local whole = math.floor(seconds)
	return NSTime.new(whole, math.floor((seconds - whole) * 1e9 + 0.5))
end

-- Shows what is here of the message; `have` is how much of its payload. How many values it took.
local function message(tvb, pinfo, tree, at, have, head, side, stream, items)
	local procedure = procedure_of(head, side)
	local kind = is_reply(head) and "reply" or head.cmd < 0 and "message" or "request"
	local name = procedure and procedure.name
	local title = string.format("%s %s #%.0f", name or head.cmd, kind, head.sequence)
	if is_reply(head) and head.status ~= OK then
		title = string.format("%s: %s", title, STATUSES[head.status] or head.status)
	end
	local part = tree:add(protocol, tvb(at, HEADER + have))
	part:set_text(string.format("%s, %s", protocol.description, title))
	pinfo.cols.info:append((at > 0 and ", " or "") .. title)
	local length = add_header(part, tvb, at, head, kind, name)
	if kind == "request" then
		local known = remember(pinfo, stream, side, head)
		if known.reply then
			part:add(own.reply_in, known.reply):set_generated()
		end
	elseif kind == "reply" then
		local known = recall(pinfo, stream, OTHER[side], head)
		if known then
			part:add(own.request_in, known.frame):set_generated()
			part:add(own.time, since(pinfo.rel_ts - known.time)):set_generated()
		end
		if head.status ~= OK then
			part:add_proto_expert_info(experts.failed, title)
		end
	end
	if procedure == nil then
		part:add_proto_expert_info(experts.unknown)
		if have > 0 then
			part:add(tvb(at + HEADER, have), "Payload")
		end
		return items
	end
	if have < head.length then
		local reason = head.length > MAX_LENGTH and experts.long or experts.cut
		length:add_proto_expert_info(reason)
		return items
	end
	local member = member_of(head, procedure)
	local problem, reader = payload(tvb, at + HEADER, head.length, member, part, items)
	if problem then
		part:add_proto_expert_info(experts.malformed, "Does not decode: " .. problem)
	end
	if reader.foreign then
		part:add_proto_expert_info(experts.foreign)
	end
	if reader.hidden then
		part:add_proto_expert_info(experts.hidden)
	end
	return reader.items
end

-- Who receives it: the port that Decode As or the preference names is the server's.
local function receiver(pinfo)
	local port = tonumber(pinfo.match)
	if pinfo.src_port ~= pinfo.dst_port then
		if pinfo.dst_port == port then
			return "server"
		elseif pinfo.src_port == port then
			return "client"
		end
	end
	return pinfo.dst_port <= pinfo.src_port and "server" or "client"
end

-- Whether what follows a message says that there was one.
local function goes_on(tvb, at, side, stream)
	local left = tvb:len() - at
	if left < HEADER then
		return left == 0 or may_begin(tvb, at, left, side)
	end
	return is_likely(head_at(tvb, at), side, stream)
end

-- Whether a message begins here.
local function begins(tvb, at, side, stream, trusted)
	if tvb:len() - at < HEADER then
		return trusted or may_begin(tvb, at, tvb:len() - at, side)
	end
	local head = head_at(tvb, at)
	if not trusted then
		return is_certain(tvb, at, head, side)
	elseif not is_likely(head, side, stream) then
		return false
	end
	-- A segment may begin in the middle of a message all the same.
	return at > 0 or not is_whole(tvb, at, head)
		or goes_on(tvb, HEADER + head.length, side, stream) or decodes(tvb, at, head, side)
end

local function lose(tvb, tree, at, to)
	local part = tree:add(protocol, tvb(at, to - at))
	part:set_text(string.format("%s, %d bytes of an unknown message", protocol.description, to - at))
	part:add_proto_expert_info(experts.lost)
end

-- Goes through the messages; whether the next one has to begin where this ends.
local function messages(tvb, pinfo, tree, side, stream, trusted)
	local length = tvb:len()
	-- A segment that the capture has only a part of cannot be put together with others.
	local may_wait = pinfo.can_desegment > 0 and tvb:reported_len() == length
	local at, items = 0, MAX_ITEMS
	while at < length do
		local left = length - at
		local head = left >= HEADER and head_at(tvb, at)
		local need = HEADER + (head and head.length or 0)
		if not begins(tvb, at, side, stream, trusted) then
			local place = search(tvb, at + 1, side)
			lose(tvb, tree, at, place)
			at, trusted = place, false
		elseif left < need and may_wait and need <= HEADER + MAX_LENGTH then
			pinfo.desegment_offset = at
			pinfo.desegment_len = need - left
			return trusted
		elseif not head then
			lose(tvb, tree, at, length)
			return false
		else
			local have = math.min(head.length, left - HEADER)
			items = message(tvb, pinfo, tree, at, have, head, side, stream, items)
			at, trusted = at + HEADER + have, have == head.length
		end
	end
	return trusted
end

function protocol.dissector(tvb, pinfo, tree)
	local side = receiver(pinfo)
	local streams = { stream_field() }
	local stream = #streams > 0 and streams[#streams].value or 0
	local way = stream .. "/" .. side
	local call = string.format("%s/%d/%d", way, pinfo.number, tvb:len())
	if not pinfo.visited then
		in_step[call] = in_step[way] ~= false
	end
	pinfo.cols.protocol = NAME:upper()
	pinfo.cols.info:clear()
	local after = messages(tvb, pinfo, tree, side, stream, in_step[call] ~= false)
	if not pinfo.visited then
		in_step[way] = after
	end
	pinfo.cols.info:fence()
	return tvb:len()
end

-- ---- where it is called ----

protocol.prefs.port = Pref.range("TCP ports", "", "Where servers listen", 65535)

local ports = DissectorTable.get("tcp.port")
local registered = ""

function protocol.prefs_changed()
	if registered ~= "" then
		ports:remove(registered, protocol)
	end
	registered = protocol.prefs.port
	if registered ~= "" then
		ports:add(registered, protocol)
	end
end

ports:add_for_decode_as(protocol)
