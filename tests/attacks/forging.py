"""Attacks on the protocol: bytes and reports that no honest worker sends."""

from __future__ import annotations

from tests.attacks.attack import Attack

FOOLS_ITSELF = "It may lie to its own reader; what it says must be shown, in time, and hurt nobody."
SENDING = """
import dataclasses, msgspec, struct, sys, time
from explainer import report as R, spec as S
from explainer.sandbox import wire as W
def raw(data):
    data = memoryview(data)
    while data: data = data[os.write(3, data):]
def send(payload): raw(struct.pack('<I', len(payload)) + payload)
def pack(value): return msgspec.msgpack.encode(value)
def say(message, **fields): send(pack({'type': message} | fields))
def answer(**fields): say('Answer', report={'request': {}} | fields)
def progress(**fields): say('Progress', report={'request': {}} | fields)
def leaf(**fields): return {'path': 'out', 'dtype': 'float32', 'shape': []} | fields
def level(n=0, **fields):
    plain = dict(id=n, parent=None, function='f', name='i', in_axes='0', out_axes='0', axis_name=None, axis_size=3, inputs=[])
    return plain | fields
def aval(**fields): return dict(name='a', dtype='float32', shape=[2], batch_dims=[0], batched_shape=[3, 2]) | fields
def equation(n=0, **fields):
    plain = dict(id=n, primitive='sin', inputs=['a'], outputs=[aval()], depth=0, body='', parent=None, source='', span=None, rewrite=[])
    return plain | fields
stages = [dict(name=n, status='done') for n in S.STAGES]
"""
AFTER = "\ntime.sleep(99)"


def _forged(name: str, code: str, bare: str = "answer", why: str = FOOLS_ITSELF) -> Attack:
    """Returns an attack that sends something and then keeps still: it ends as what it sent says."""
    return Attack(name, SENDING + code + AFTER, bare=bare, why=why, deadline_s=2)


FORGING = (
    _forged("announces_four_gigabytes", "raw(b'\\xff\\xff\\xff\\xff' + b'x' * 1000)", "answer_size"),
    _forged("sends_what_is_no_message", "send(b'\\xc1' * 100)", "BadAnswer"),
    _forged("sends_nothing_in_a_frame", "send(b'')", "BadAnswer"),
    _forged("sends_a_message_of_another_protocol", "send(b'HTTP/1.1 200 OK\\r\\n\\r\\n')", "BadAnswer"),
    _forged(
        "sends_pickled_code",
        "import pickle\nclass Evil:\n    def __reduce__(self): return os.system, ('true',)\nsend(pickle.dumps(Evil()))",
        "BadAnswer",
    ),
    _forged("speaks_for_the_zygote", "send(W.pack(W.Dead(0))[4:])", "BadAnswer"),
    _forged("gives_the_zygote_orders", "send(W.pack(W.Kill(0))[4:])", "BadAnswer"),
    _forged("says_ready_again", "send(W.pack(W.Ready(0.1))[4:])", "BadAnswer"),
    _forged(
        "says_what_a_canary_says",
        "say('Tried', open=[], walls=['bwrap', 'landlock', 'seccomp'])",
        "BadAnswer",
    ),
    _forged("nests_lists_without_end", "send(b'\\x91' * 10 ** 6)", "BadAnswer"),
    _forged(
        "nests_a_preview_deeply",
        "x = 1\nfor _ in range(900): x = [x]\nanswer(outputs=[leaf(preview=x)], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "announces_four_billion_elements",
        "send(b'\\x82\\xa4type\\xa6Answer\\xa6report\\x82\\xa7request\\x80\\xa5notes\\xdd\\xff\\xff\\xff\\xff')",
        "BadAnswer",
    ),
    _forged(
        "sends_a_text_that_is_no_text",
        "send(b'\\x83\\xa4type\\xa6Raised\\xaaerror_type\\xa2\\xff\\xfe\\xa7message\\xa1x')",
        "BadAnswer",
    ),
    _forged("sends_a_number_that_is_too_large", "answer(version=2 ** 64 - 1)", "answer or BadAnswer"),
    _forged(
        "sends_numbers_that_are_none",
        "answer(stages=[dict(name='parse', status='done', seconds=float('nan'))], timing=dict(trace=float('inf'), lower=float('-inf'), runs=-1))",
        "BadAnswer",
    ),
    _forged("sends_bytes_for_a_preview", "answer(outputs=[leaf(preview=b'x' * 100)])", "BadAnswer"),
    _forged("sends_a_mapping_for_a_preview", "answer(outputs=[leaf(preview={'a': 1})])", "BadAnswer"),
    _forged(
        "claims_a_shape_that_does_not_fit",
        "answer(outputs=[leaf(shape=[3, -4], preview=[[1], 2, 'x'], kept=[[9, -9], [10 ** 18]])], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "claims_a_shape_that_is_huge",
        "answer(outputs=[leaf(shape=[10 ** 18, 10 ** 18], preview=[1.0])], levels=[level(axis_size=10 ** 18)], arguments=[dict(name='x', keyword=False, leaves=[leaf(shape=[10 ** 18])])], equations=[equation()], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "claims_two_billion_axes_in_a_level",
        "answer(levels=[level(axis_size=2 ** 31, inputs=[dict(path='x', dtype='float32', shape=[2 ** 31, 2 ** 31], axis=0, index=10 ** 9)], outputs=[dict(path='o', dtype='float32', shape=[2 ** 31], axis=-9, index=99)])], equations=[equation(outputs=[aval(batch_dims=[77], batched_shape=[2 ** 31])])], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "makes_levels_their_own_parents",
        "answer(levels=[level(0, parent=1, captured=True), level(1, parent=0, captured=True)], equations=[equation(0, parent=1, level=1), equation(1, parent=0, level=0)], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "points_to_lines_that_are_not_there",
        "span = dict(line=10 ** 9, column=-5, end_line=-1, end_column=10 ** 12, source='/etc/passwd')\nanswer(failure=dict(stage='run', error_type='E', message='m', explanation='e', blame=dict(spans=[span], levels=[99])), equations=[equation(span=span, callers=[span])], levels=[level(span=span)], stages=stages)",
        "E or BadAnswer",
    ),
    _forged(
        "claims_causes_in_a_circle",
        "because = [dict(equation=0, output=9)]\nanswer(levels=[level()], equations=[equation(outputs=[aval(because=because)])], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "claims_that_a_value_causes_itself",
        """
because = [dict(equation=0, output=0)]
answer(levels=[level()], equations=[equation(outputs=[aval(because=because)])], stages=stages,
  returned=[dict(path='out', aval=aval(because=because), shared=False)], outputs=[leaf(shape=[3, 2])])
""",
    ),
    _forged(
        "numbers_a_level_below_nought",
        "answer(levels=[level(-1, captured=True)], equations=[equation(level=-1)], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "numbers_levels_out_of_order",
        "answer(levels=[level(1, parent=0, captured=True), level(0, captured=True)], equations=[equation()], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "names_a_leaf_by_half_a_million_brackets",
        """
path = 'x' + '[' * 500_000
inputs = [dict(path=path, dtype='float32', shape=[3], axis=0, index=0)]
answer(arguments=[dict(name='x', keyword=False, leaves=[leaf(path=path, shape=[3], preview=[1, 2, 3], kept=[[0, 1, 2]])])],
  levels=[level(inputs=inputs, outputs=inputs)], outputs=[leaf(shape=[3])], stages=stages)
""",
    ),
    _forged(
        "prints_a_program_in_one_line_of_many_lambdas",
        "text = '{ lambda ' * 20_000 + ' let' * 20_000 + ' in ' * 20_000\nanswer(jaxpr=dict(example=dict(text=text, lines=[0]), levels=[dict(text=text, lines=[0])]), levels=[level()], equations=[equation()], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "maps_a_number_by_twelve_calls",
        """
plain = dict(captured=True, axis_size=8, enters=[], inputs=[])
levels = [level(n, parent=n - 1 if n else None, **plain) for n in range(12)]
out = dict(path='out', aval=aval(shape=[], batch_dims=[None] * 12, batched_shape=[]), shared=False, value=leaf(preview=1.0))
for n in range(12):
    levels[n]['leaves'] = [out]
    levels[n]['enters'] = [out]
    levels[n]['outputs'] = [dict(path='out', dtype='float32', shape=[8] * (12 - n), axis=0, index=0)]
answer(levels=levels, equations=[equation(level=11, outputs=[aval(batch_dims=[None] * 12, batched_shape=[2])])], stages=stages)
""",
    ),
    _forged(
        "names_a_level_by_five_thousand_digits",
        "place = 'in_axes of level ' + '9' * 5000\nanswer(fixes=[dict(request={}, summary='s', outputs=[], place=place, before='a', after='b')], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "keeps_nothing_of_the_first_of_twenty_axes",
        """
shape = [5] + [10] * 19
value = leaf(shape=shape, preview=[], kept=[[]] + [list(range(10))] * 19)
one = dict(path='out', aval=aval(shape=shape[1:], batched_shape=shape), value=value)
answer(levels=[level(captured=True, axis_size=5, enters=[dict(path='x', aval=aval(shape=[], batched_shape=[5]))],
  leaves=[one], outputs=[dict(path='out', dtype='f', shape=shape[1:] + [5], axis=-1, index=19)])], stages=stages)
""",
    ),
    _forged(
        "prints_values_of_brackets_that_stay_open",
        "left, right = dict(text='a=' + '=(' * 1_000_000, lines=[0]), dict(text='a=', lines=[0])\nanswer(jaxpr=dict(example=left, levels=[right]), levels=[level()], equations=[equation()], stages=stages)",
    ),
    _forged(
        "prints_lines_whose_words_are_all_alike",
        "left, right = (dict(text='\\n'.join(['a=' + word * 900] * 400), lines=[0]) for word in ('+!', '+?'))\nanswer(jaxpr=dict(example=left, levels=[right]), levels=[level()], equations=[equation()], stages=stages)",
    ),
    _forged(
        "offers_a_fix_of_one_word_of_half_a_million_letters",
        "answer(fixes=[dict(request={}, summary='s', outputs=[], place='code', before='a' * 500_000, after='b')], stages=stages)",
    ),
    _forged(
        "offers_thousands_of_fixes",
        "answer(fixes=[dict(request={}, summary='s', outputs=[], place='code', before='a', after='b')] * 10_000, stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "says_that_a_value_of_four_hundred_thousand_axes_does_not_fit",
        "n = 400_000\nlane = dict(name='X', dtype='f', shape=[], full=list(range(1, n)), taken=[0] * n)\nanswer(failure=dict(stage='run', error_type='E', message='m', explanation='e', mismatch=dict(lanes=[lane], level=0)), levels=[level()], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "blames_a_place_at_the_end_of_the_world",
        "span = dict(line=1, column=700_000_000, end_line=10 ** 12, end_column=1)\nanswer(failure=dict(stage='run', error_type='E', message='m', explanation='e', blame=dict(spans=[span])), stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "maps_a_leaf_along_an_axis_it_does_not_have",
        "answer(levels=[level(captured=True, inputs=[dict(path='x', dtype='f', shape=[3], axis=5, index=5)])], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "found_a_nan_in_an_equation_that_is_not_there",
        "bad = dict(kind='nan', equation=7, output=0, example=[], iterations=[], element=[])\nanswer(values=dict(bad=[bad]), levels=[level()], equations=[equation()], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "sends_templates_that_format_without_end",
        "answer(levels=[level(in_template=dict(parts=['{0:>999999999}', '{9}{', '{0.__class__}']), out_template=dict(parts=['{0!r:9999999999}']))], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged(
        "offers_a_fix_of_many_lines",
        "before, after = ('\\n'.join(str(n * s) for n in range(60000)) for s in (1, 3))\nfix = dict(request={'code': after}, summary='s', outputs=[], place='code', before=before, after=after)\nanswer(fixes=[fix] * 3, failure=dict(stage='run', error_type='E', message='m', explanation='e'), stages=stages)",
        "E or BadAnswer",
    ),
    _forged(
        "offers_a_fix_of_lines_that_are_all_alike",
        """
before, after = 'b\\n' + 'a\\n' * 50000 + 'd', 'a\\n' * 50000 + 'c ' * 5000
fix = dict(request={}, summary='s', outputs=[], place='code', before=before, after=after)
answer(fixes=[fix] * 2, stages=stages)
""",
    ),
    _forged(
        "sends_a_hundred_thousand_equations",
        "answer(levels=[level()], equations=[equation(n) for n in range(100_000)], stages=stages)",
        "answer or answer_size or deadline",
    ),
    _forged(
        "sends_a_thousand_levels",
        "answer(levels=[level(n, axis_size=2) for n in range(1000)], equations=[equation(outputs=[aval(batch_dims=[0] * 1000)])], stages=stages)",
        "answer or BadAnswer",
    ),
    _forged("sends_a_million_notes", "answer(notes=[''] * 1_000_000, stages=stages)", "BadAnswer"),
    _forged(
        "sends_a_preview_of_millions",
        "answer(outputs=[leaf(shape=[4_000_000], preview=[0] * 4_000_000, kept=[list(range(9))])], stages=stages)",
        "BadAnswer",
    ),
    _forged(
        "sends_ten_megabytes_of_program_text",
        "answer(jaxpr=dict(example=dict(text='lambda ; a\\n' * 400_000, lines=[10 ** 9, -1])), hlo=dict(stablehlo='<b>' * 1_000_000), stages=stages)",
    ),
    _forged("sends_half_a_frame", "raw(struct.pack('<I', 10 ** 6) + b'x' * 1000)", "deadline"),
    _forged(
        "sends_a_frame_byte_by_byte",
        "payload = W.pack(W.Raised('E', 'm'))\nfor byte in payload:\n    raw(bytes([byte]))\n    time.sleep(0.005)",
        "E",
    ),
    _forged(
        "sends_more_messages_than_there_are_stages",
        "while True: progress(stages=[dict(name='parse', status='running')])",
        "BadAnswer",
    ),
    _forged("sends_millions_of_empty_frames", "while True: raw(b'\\0\\0\\0\\0' * 10_000)", "BadAnswer"),
    _forged(
        "sends_large_reports_again_and_again",
        "part = pack({'type': 'Progress', 'report': {'request': {}, 'notes': ['x'] * 1_000_000}})\nwhile True: send(part)",
        "deadline or BadAnswer or answer_size",
    ),
    _forged(
        "sends_a_million_stages_that_run",
        "progress(stages=[dict(name='run', status='running')] * 300_000)",
        "deadline or BadAnswer",
    ),
    _forged(
        "names_a_stage_that_a_script_does_not_have",
        "progress(stages=[dict(name='lower', status='done')])\nos._exit(0)",
        "WorkerCrashed",
    ),
    _forged(
        "has_an_equation_hold_itself",
        "bad = dict(equation=0, output=0, kind='nan', index=[], numbers=[])\nanswer(stages=stages, levels=[level()], equations=[equation(parent=0)], values=dict(seen=[], loops=[], bad=[bad]))",
        "BadAnswer",
    ),
    _forged(
        "has_levels_hold_one_another",
        "answer(stages=stages, levels=[level(0, parent=1), level(1, parent=0)])",
        "BadAnswer",
    ),
    _forged(
        "goes_a_hundred_million_bodies_deep",
        "answer(stages=stages, equations=[equation(depth=10**8)])",
        "BadAnswer",
    ),
    _forged(
        "says_that_it_printed_eight_megabytes",
        "answer(stages=stages, printed='<b>' * 2_700_000)",
        "BadAnswer",
    ),
    _forged(
        "sends_many_previews",
        "one = leaf(shape=[10000], kept=[list(range(10000))], preview=[1] * 10000)\nanswer(stages=stages, outputs=[one] * 200)",
        "BadAnswer",
    ),
    _forged(
        "claims_to_be_sealed",
        "answer(isolation=dict(level='sealed', reasons=['<b>believe me']), stages=stages)",
    ),
    _forged(
        "answers_for_another_request",
        "answer(request={'code': 'print(1)', 'function': '<b>'}, stages=stages)",
    ),
    _forged(
        "fills_every_text_with_markup",
        """
P = '</script><script>window.pwned=1</script><img src=x onerror=pwned()><svg onload=x>'
span = dict(line=1, column=0, end_line=1, end_column=3, source='code')
fix = dict(request={'code': P}, summary=P, outputs=[leaf(path=P, dtype=P)], field=P, before=P, after=P, proof=P)
answer(stages=[dict(name=n, status='done', note=P) for n in S.STAGES], notes=[P], printed=P, device=dict(platform=P, kind=P, count=1),
  environment=dict(jax=P, jaxlib=P, python=P), arguments=[dict(name=P, keyword=False, leaves=[leaf(path=P, dtype=P, preview=P)], static=P)],
  levels=[level(function=P, name=P, in_axes=P, out_axes=P, axis_name=P, made_by=P, note=P, span=span)],
  equations=[equation(primitive=P, inputs=[P], outputs=[aval(name=P, dtype=P)], body=P, source=P, span=span, rewrite=[P])],
  jaxpr=dict(example=dict(text=P)), outputs=[leaf(path=P, dtype=P, preview=P)], check=dict(agrees=False, compared=1, examples=1, note=P),
  hlo=dict(stablehlo=P, optimized=P), fixes=[fix], failure=dict(stage='run', error_type=P, message=P, explanation=P, kind=P))
""",
        "</script><script>window.pwned=1</script><img src=x onerror=pwned()><svg onload=x>",
    ),
    _forged("answers_twice", "answer(stages=stages, notes=['one'])\nanswer(stages=stages, notes=['two'])"),
    _forged("answers_and_floods_afterwards", "answer(stages=stages)\nwhile True: raw(b'x' * 10 ** 6)"),
    _forged(
        "sends_the_pool_descriptors",
        "import array, socket\ns = socket.socket(fileno=os.dup(3))\nfds = array.array('i', [0] * 200)\ntry: s.sendmsg([b'\\x01\\0\\0\\0\\xc1'], [(1, 1, fds)])\nexcept OSError: send(b'\\xc1')",
        "BadAnswer",
    ),
    _forged(
        "sends_urgent_data",
        "import socket\ntry: socket.socket(fileno=os.dup(3)).send(b'x', 1)\nexcept OSError as error: print(error)",
        "deadline or BadAnswer",
    ),
    _forged("closes_its_connection", "os.close(3)", "BadAnswer or WorkerCrashed or deadline"),
    _forged(
        "closes_half_its_connection",
        "import socket\ntry: socket.socket(fileno=os.dup(3)).shutdown(1)\nexcept OSError: os.close(3)",
        "BadAnswer or deadline",
    ),
    _forged(
        "never_reads_and_writes_without_end",
        "os.set_blocking(3, False)\nwhile True:\n    try: os.write(3, b'\\x00\\x00\\x10\\x00' + b'x' * 60000)\n    except BlockingIOError: pass",
        "BadAnswer",
    ),
    Attack(
        "asks_for_a_worker_of_its_own",
        "from explainer import sandbox\nfrom explainer.spec import Request\nfrom explainer.sandbox.settings import Limits\nr = sandbox.explain(Request('print(6 * 7)'), limits=Limits(deadline_s=2))\nif r.printed == '42\\n': broke()",
        deadline_s=8,
    ),
)
