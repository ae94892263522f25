"""Makes the tables of this folder: pip install pyarrow==25.0.1 && python make.py"""
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 90
TEXTS = [None if i % 7 == 3 else f'Zeile {i} \u00e4\u20ac ' * (i % 4) for i in range(ROWS)]
FEW = [None if i % 5 == 1 else ('rot', 'gr\u00fcn', 'blau')[i % 3] for i in range(ROWS)]
TABLE = pa.table(
    {
        'id': pa.array(range(ROWS)),
        'list': [[text, 'q'] for text in TEXTS],
        'plain': TEXTS,
        'few': FEW,
        'lengths': TEXTS,
        'prefixes': pa.array(TEXTS, pa.large_string()),
        'struct': [None if i % 2 else {'text': text, 'n': i} for i, text in enumerate(TEXTS)],
        'bytes': [b'\xff\x00'] * ROWS,
        'all': pa.array([f'all {i}' for i in range(ROWS)]),
    },
    schema=pa.schema(
        [
            ('id', pa.int64()),
            ('list', pa.list_(pa.string())),
            ('plain', pa.string()),
            ('few', pa.string()),
            ('lengths', pa.string()),
            ('prefixes', pa.large_string()),
            ('struct', pa.struct([('text', pa.string()), ('n', pa.int32())])),
            ('bytes', pa.binary()),
            pa.field('all', pa.string(), nullable=False),
        ]
    ),
)
for codec in ('none', 'snappy', 'gzip', 'zstd', 'brotli'):
    for version in ('1.0', '2.0'):
        if codec == 'brotli' and version == '2.0':
            continue
        pq.write_table(
            TABLE,
            f'{codec}-v{version[0]}.parquet',
            compression=codec,
            data_page_version=version,
            use_dictionary=['few', 'struct.text', 'all'],
            column_encoding={
                'plain': 'PLAIN',
                'lengths': 'DELTA_LENGTH_BYTE_ARRAY',
                'prefixes': 'DELTA_BYTE_ARRAY',
            },
            row_group_size=40,
            data_page_size=256,
            write_batch_size=8,
            write_page_checksum=codec == 'none',
            write_statistics=False,
            store_schema=False,
        )
# A column that says it is text and is not: Arrow checks nothing here.
wrong = pa.Array.from_buffers(pa.string(), 3, pa.array([b'a', b'caf\xe9', b'b']).buffers())
pq.write_table(pa.table({'text': wrong}), 'latin1.parquet', compression='none')
