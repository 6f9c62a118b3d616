"""Renders chat templates, written in the constructs of published ones, as `transformers` does.

    python scripts/tokenizers/chat.py [--output crates/glassbox-text/tests/chat.json]

Out: {"tokens": {...}, "cases": [{"template", "source", "conversation", "messages", "tools", "variables", "prompt": with
add_generation_prompt, "history": without; or "refused": what the template raises}]}. Needs transformers and jinja2
(requirements-chat.txt). Nothing is downloaded.
"""

import argparse
import json
from pathlib import Path

import jinja2
from transformers.utils.chat_template_utils import render_jinja_template

OUTPUT = Path(__file__).resolve().parents[2] / "crates" / "glassbox-text" / "tests" / "chat.json"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

TEMPLATES = {
    # Role markers around every message.
    "marked": """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\n' }}
{% endif %}
""",
    # The first system message goes into the first instruction; roles must alternate.
    "instructions": """{%- if messages[0]['role'] == 'system' -%}
{%- set loop_messages = messages[1:] -%}{%- set system_message = messages[0]['content'] -%}
{%- else -%}
{%- set loop_messages = messages -%}{%- set system_message = false -%}
{%- endif -%}
{%- for message in loop_messages -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif -%}
{%- if loop.index0 == 0 and system_message != false -%}
{%- set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] -%}
{%- else -%}
{%- set content = message['content'] -%}
{%- endif -%}
{%- if message['role'] == 'user' -%}
{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
{%- elif message['role'] == 'assistant' -%}
{{ ' ' + content.strip() + ' ' + eos_token }}
{%- endif -%}
{%- endfor -%}""",
    # Headers; the beginning is put before the first message only.
    "headers": """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}""",
    # Tools listed for the model, one call in each answer, results as JSON.
    "one_tool": """{{- bos_token }}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{#- The system message is taken out, so that tools can go with it. #}
{%- if messages and messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|header|>system\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today is " + date_string + "\\n\\n" + system_message }}
{%- if tools is not none and tools|length > 0 %}
    {{- "\\nYou may call:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|header|>' + message['role'] + '\\n\\n'+ message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|header|>assistant\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|header|>ipython\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|header|>assistant\\n\\n' }}
{%- endif %}
""",
    # Several calls, and results of one turn gathered under one user marker.
    "tools": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are helpful.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}<|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    # Thinking is kept after the last question only.
    "thinking": """{%- set ns = namespace(multi_step=true, last_query=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last_query = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query and (loop.last or (not loop.last and reasoning)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
""",
    # The tools stand before the last user message; calls need ids.
    "ids": """{%- set user_messages = messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{{- bos_token }}
{%- for message in messages if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{%- for message in messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS][" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {{- "[INST]" + message["content"] + "[/INST]" }}
    {%- elif (message.tool_calls is defined and message.tool_calls is not none) %}
        {{- "[TOOL_CALLS][" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {{- ", " if not loop.last else "]" + eos_token }}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token }}
    {%- elif message["role"] == "tool" %}
        {{- '[TOOL_RESULTS]{"content": ' + message.content|string + "}[/TOOL_RESULTS]" }}
    {%- elif message["role"] != "system" %}
        {{- raise_exception("Only user and assistant roles are supported, with " ~ ns.index ~ " messages!") }}
    {%- endif %}
{%- endfor %}
""",
    # The assistant has another name; contents may be lists of parts.
    "parts": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\n'}}
{%- endif -%}
""",
    # Types of a schema, written by a macro that calls itself.
    "schemas": """{%- macro kind(property) -%}
{%- if property.type == "array" -%}List[{{ kind(property['items'] | default({'type': 'any'})) }}]
{%- elif property.type == "object" -%}
Dict({% for name, inner in property.properties.items() %}{{ name }}: {{ kind(inner) }}{% if name not in property.required | default([]) %}?{% endif %}{% if not loop.last %}, {% endif %}{% endfor %})
{%- elif property.enum is defined -%}{{ property.enum | map('tojson') | join(' | ') }}
{%- else -%}{{ {'string': 'str', 'integer': 'int', 'number': 'float', 'boolean': 'bool'}.get(property.type, property.type) }}
{%- endif -%}
{%- endmacro -%}
{%- for tool in tools or [] %}
- {{ tool.function.name | upper }}: {{ kind(tool.function.parameters) }} {{ tool.function.description | default('no description', true) }}
{% endfor -%}
{% for message in messages -%}
{{ loop.index }}/{{ loop.length }} {{ message.role | capitalize }}{{ '' if loop.last else ',' }}
{%- if message.content is not defined %} (nothing){% endif %}
{%+ if loop.previtem is defined and loop.previtem.role == message.role %} again{% endif %}

{% endfor %}
{%- if tools is none %}No tools.{% endif %}
""",
    # How values are written.
    "values": """{{ true }} {{ none }} {{ 1.0 }} {{ 1e-5 }} {{ 3 // 2 }} {{ 3 / 2 }} {{ -3 % 5 }} {{ 2 ** 10 }} {{ [1, 'a', none, true, 0.5] }} {{ {'a': [1], 'b': "it's"} }} {{ (1, 2) }} {{ missing }}|{{ missing | default('d') }}|{{ '' | default('e', true) }}
{{ messages | length }} {{ messages | map(attribute='role') | join('-') }} {{ messages | map(attribute='role') | list }}
{{ {'z': 1, 'a': {'y': [true, none, "é\\"\\n\u2028", 0.1]}} | tojson }} {{ {'z': 1, 'a': [1, 2, {}], 'e': []} | tojson(indent=2) }} {{ {'z': 'é', 'a': 1} | tojson(sort_keys=true, ensure_ascii=true, separators=(',', ':')) }}
{{ 'abc'[1:] }} {{ 'abc'[-1] }} {{ 'a,b,c'.split(',')[1] }} {{ 'Hello World'.lower().replace('world', 'x') }} {{ '%s' | format('q') }} {{ 'a b'.title() }} {{ ' x '.strip() }}| {{ "x" ~ 1 ~ none ~ true }} {{ 'ab' * 3 }} {{ "a<b>&'" }} {{ "a<b>" | e }}
{{ messages | selectattr('role', 'eq', 'user') | map(attribute='content') | first | default('nobody') }} {{ messages | rejectattr('role', 'in', ['user', 'system']) | list | length }} {{ ['b', 'a', 'b'] | unique | sort | join(', ') }} {{ [3, 1, 2] | max }} {{ [[1, 2], [3]] | sum(start=[]) if false else 'no' }}
{%- for key, value in {'b': 1, 'a': 2} | dictsort %} {{ key }}={{ value }}{% endfor %}
{% for n in range(10) %}{% if n == 2 %}{% continue %}{% endif %}{% if n > 4 %}{% break %}{% endif %}{{ n }}{{ loop.cycle('x', 'y') }}{% else %}none{% endfor %}

{% set text %}captured {{ bos_token }}{% endset %}{{ text | upper }}{{ text is string }}
{% filter upper %}filtered{% endfilter %} {{ 1 is number }} {{ [] is iterable }} {{ {} is mapping }} {{ 'a' in 'abc' }} {{ 'k' in {'k': 1} }} {{ not [] }} {{ none or 'x' }} {{ 1 if true }} {{ 5 is divisibleby 5 }} {{ 2 is even }} {{ 'x' is none }}
   {%- raw %} {{ raw }} {% endraw %}
{% if messages and messages[-1].role == 'user' -%}
    asks
{%- endif %}
    {% if true %}
  indented
    {% endif %}
{{ 'end' }}
""",
    # What training would be done on is marked.
    "marks": """{% for message in messages %}{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{{ eos_token }}{% endgeneration %}{% else -%}
{{ message.content }}
{%- endif %}
{%- generation -%} . {%- endgeneration %}
{% endfor %}""",
}

TOOLS = [
    {"type": "function", "function": {
        "name": "weather", "description": "The weather <somewhere> & \"now\" — à l'heure",
        "parameters": {"type": "object", "properties": {
            "place": {"type": "string", "description": "A town"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "array", "items": {"type": "integer"}},
            "at": {"type": "object", "properties": {"lat": {"type": "number"}, "ok": {"type": "boolean"}}, "required": ["lat"]},
        }, "required": ["place"]},
    }},
    {"type": "function", "function": {"name": "stop", "parameters": {"type": "object", "properties": {}}}},
]


def call(name, **arguments):
    return {"type": "function", "id": "a1b2c3d4e", "function": {"name": name, "arguments": arguments}}


CONVERSATIONS = {
    "question": [{"role": "user", "content": "  Who are you?\n"}],
    "system": [{"role": "system", "content": "Be brief. "}, {"role": "user", "content": "Hi"}],
    "turns": [
        {"role": "system", "content": "Speak of 🦊 only."},
        {"role": "user", "content": "What's <b>bold</b> & 'quoted'?"},
        {"role": "assistant", "content": "<think>\nLet me see.\n</think>\n\nA \"fox\"."},
        {"role": "user", "content": "And 狐?"},
        {"role": "assistant", "content": "The same. ", "reasoning_content": "\nIt is.\n"},
    ],
    "call": [
        {"role": "user", "content": "Weather in Zürich?"},
        {"role": "assistant", "content": "", "tool_calls": [call("weather", place="Zürich", days=[1, 2], deep={"a": None, "b": 1.5e-7})]},
        {"role": "tool", "name": "weather", "content": "{\"sun\": true}"},
        {"role": "assistant", "content": "Sunny."},
        {"role": "user", "content": "Thanks"},
    ],
    "calls": [
        {"role": "user", "content": "Both?"},
        {"role": "assistant", "tool_calls": [call("weather", place="Oslo"), call("stop")]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    ],
    "parts": [
        {"role": "system", "content": [{"type": "text", "text": "See."}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": " What is it? "}]},
    ],
    "twice": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "unknown": [{"role": "judge", "content": "a"}],
}


def cases():
    for template, source in TEMPLATES.items():
        for name, messages in CONVERSATIONS.items():
            for tools in [None, TOOLS] if template in ("one_tool", "tools", "ids", "schemas") else [None]:
                for variables in [{}, {"enable_thinking": False}] if template == "thinking" else [{}]:
                    case = {"template": template, "conversation": name, "tools": tools is not None, "variables": variables}
                    try:
                        for key, prompt in ("prompt", True), ("history", False):
                            rendered, _ = render_jinja_template(
                                [messages], tools=tools, chat_template=source, add_generation_prompt=prompt, **variables, **TOKENS
                            )
                            case[key] = rendered[0]
                    except jinja2.exceptions.UndefinedError:
                        case["fails"] = True
                    except jinja2.exceptions.TemplateError as error:
                        case["refused"] = error.message
                    except TypeError:
                        case["fails"] = True
                    yield case


def main():
    parser = argparse.ArgumentParser(description="Renders chat templates as transformers does.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    content = {
        "tokens": TOKENS, "templates": TEMPLATES, "tools": TOOLS, "conversations": CONVERSATIONS, "cases": list(cases()),
    }
    arguments.output.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    for case in content["cases"]:
        print(case["template"], case["conversation"], {key for key in ("prompt", "refused", "fails") if key in case})


if __name__ == "__main__":
    main()
