#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Devices without their hardware: makes one board of files that describe a device each.

docs/adding-a-device.md says what such a file has in it. Out of all of them come, in --out:
  board.dts      what is appended to the source of the machine's own device tree
  registers.bin  what the memory that plays registers holds at first
  reactions      what a store to one of them does, for registers.so
  asleep         the nodes whose devices are to be suspended before tests
  table          lines for the lab's table of devices
  kmods          modules of the lab's own: the symbol of the driver that needs one, the folder
                 with its source, since when there are which exporters with it
  firmware/      the files that drivers ask for"""

import argparse
import itertools
import os
import re
import struct
import sys

KEYS = {'symbol': 1, 'module': 1, 'parameter': 1, 'since': 1, 'exporters': 1, 'registers': 1,
	'interrupts': 1, 'asleep': 1, 'kmod': 1, 'value': 2, 'after': 4, 'firmware': 1, 'at': None}
ALIGN = 0x10000


class Device:
	"""What one file says."""

	def __init__(self, path):
		self.path = path
		self.one = {'symbol': '-', 'parameter': '-', 'since': '-', 'exporters': '-'}
		self.modules = []
		self.values = []
		self.reactions = []
		self.firmware = {}
		with open(path) as f:
			text, _, self.node = f.read().partition('\nnode\n')
		for number, line in enumerate(text.split('\n'), 1):
			words = line.split('#')[0].split()
			if words:
				try:
					self.key(words[0], words[1:])
				except (ValueError, KeyError, IndexError):
					sys.exit(f'{path}:{number}: not understood: {line.strip()}')

	def key(self, key, words):
		if KEYS[key] not in (None, len(words)):
			raise ValueError
		if key == 'module':
			self.modules.append(words[0])
		elif key == 'value':
			self.values.append((int(words[0], 16), words[1]))
		elif key == 'after':
			# after OFFSET set|clear|copy OFFSET BITS
			if words[1] not in ('set', 'clear', 'copy'):
				raise ValueError
			self.reactions.append((int(words[0], 16), words[1], *(
				int(w, 16) for w in words[2:])))
		elif key == 'firmware':
			self.image = self.firmware[words[0]] = bytearray()
		elif key == 'at':
			# at OFFSET WORD...
			start = int(words[0], 16)
			data = struct.pack(f'<{len(words) - 1}I', *(int(w, 16) for w in words[1:]))
			self.image.extend(bytes(max(0, start + len(data) - len(self.image))))
			self.image[start:start + len(data)] = data
		else:
			self.one[key] = words[0]

	def number(self, key):
		return int(self.one.get(key, '0'), 0)


def main():
	number = lambda s: int(s, 0)
	args = argparse.ArgumentParser(description=__doc__,
		formatter_class=argparse.RawDescriptionHelpFormatter)
	args.add_argument('--registers', type=number, required=True, help='where they are')
	args.add_argument('--size', type=number, required=True, help='how much there is for them')
	args.add_argument('--interrupt', type=number, required=True, help='the first free SPI')
	args.add_argument('--iommu', help="the path of the IOMMU's node; without: none")
	args.add_argument('--out', required=True)
	args.add_argument('files', nargs='+')
	args = args.parse_args()

	base = args.registers
	interrupt = args.interrupt
	nodes = []
	rules = []
	table = []
	kmods = []
	asleep = []
	memory = bytearray()
	# PCI's are the numbers of its buses, of which the machine has one.
	streams = itertools.count(0x1000)
	for device in [Device(f) for f in sorted(args.files)]:
		def address(match, size=1):
			offset = int(match[1], 0)
			if offset + size > device.number('registers'):
				sys.exit(f'{device.path}: {match[0]} is not in its registers')
			return f'{base + offset:#x}'

		def reg(match):
			size = int(match[2], 0)
			return f'0 {address(match, size)} 0 {size:#x}'

		def irq(match):
			if int(match[1]) >= device.number('interrupts'):
				sys.exit(f'{device.path}: {match[0]} is not one of its interrupts')
			return f'0 {interrupt + int(match[1])} 4'

		node = re.sub(r'\bAT\(\s*(\w+)\s*\)', lambda match: f'0 {address(match)}', device.node)
		node = re.sub(r'\bREG\(\s*(\w+)\s*,\s*(\w+)\s*\)', reg, node)
		node = re.sub(r'\bIRQ\(\s*(\d+)\s*\)', irq, node)
		node = re.sub(r'\bIOMMU;', lambda match: args.iommu and
			f'iommus = <&{{{args.iommu}}} {next(streams):#x}>;' or '', node)
		nodes.append(node)

		start = base - args.registers
		memory.extend(bytes(start + device.number('registers') - len(memory)))
		for offset, value in device.values:
			value = re.sub(r'\bAT\((\w+)\)', address, value)
			struct.pack_into('<I', memory, start + offset, int(value, 16))
		for where, how, target, bits in device.reactions:
			rules.append(f'{base + where:#x} {how} {base + target:#x} {bits:#x}\n')
		one = device.one
		if 'kmod' in one:
			kmods.append(f'{one["symbol"]} {one["kmod"]} {one["since"]} {one["exporters"]}\n')
			one['exporters'] = '-'
		for i, module in enumerate(device.modules or ['-']):
			symbol = one['symbol'] if i == 0 else '-'
			last = f'{one["since"]} {one["exporters"]}' if i == 0 else '- -'
			parameter = one['parameter'] if i == 0 else '-'
			table.append(f'{symbol} {module} {parameter} - {last}\n')
		if 'asleep' in one:
			asleep.append(one['asleep'] + '\n')
		for name, image in device.firmware.items():
			path = os.path.join(args.out, 'firmware', name)
			os.makedirs(os.path.dirname(path), exist_ok=True)
			with open(path, 'wb') as f:
				f.write(image)
		# A page of its own, whatever size the kernel's pages have.
		base += -(-device.number('registers') // ALIGN) * ALIGN
		interrupt += device.number('interrupts')
	if base > args.registers + args.size:
		sys.exit(f'board.py: {base - args.registers:#x} bytes of registers, there are {args.size:#x}')

	os.makedirs(os.path.join(args.out, 'firmware'), exist_ok=True)

	def out(name, data):
		with open(os.path.join(args.out, name), 'wb') as f:
			f.write(data)

	out('board.dts', f'''
/ {{
{''.join(nodes)}}};
'''.encode())
	out('registers.bin', memory)
	out('reactions', ''.join(rules).encode())
	out('asleep', ''.join(asleep).encode())
	out('table', ''.join(table).encode())
	out('kmods', ''.join(kmods).encode())


main()
