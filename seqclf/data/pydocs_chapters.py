"""Which chapter of the Python library reference each module of the standard library stands in, as of Python 3.11."""

CHAPTERS = {
    "text processing": "string re difflib textwrap stringprep rlcompleter",
    "binary data": "struct codecs",
    "data types": """datetime zoneinfo calendar collections _collections_abc heapq bisect weakref _weakrefset types copy
        pprint reprlib enum graphlib""",
    "numeric and mathematical": "numbers decimal _pydecimal fractions random statistics",
    "functional programming": "functools operator",
    "files and directories": """pathlib posixpath ntpath genericpath fileinput stat filecmp tempfile glob fnmatch
        linecache shutil""",
    "data persistence": "pickle copyreg shelve dbm sqlite3",
    "compression and archiving": "gzip bz2 lzma _compression zipfile tarfile compression",
    "file formats": "csv configparser tomllib netrc plistlib",
    "cryptography": "hashlib hmac secrets",
    "operating system": """os io _pyio argparse getopt logging getpass curses platform ctypes _strptime
        _osx_support _aix_support""",
    "concurrent execution": "threading _threading_local multiprocessing concurrent subprocess sched queue contextvars",
    "networking": "asyncio socket ssl selectors signal",
    "internet data handling": "email json mailbox mimetypes base64 quopri",
    "structured markup": "html xml _markupbase",
    "internet protocols": """webbrowser wsgiref urllib http ftplib poplib imaplib smtplib uuid socketserver xmlrpc
        ipaddress nturl2path""",
    "multimedia": "wave colorsys",
    "internationalization": "gettext locale _bootlocale",
    "program frameworks": "turtle cmd shlex",
    "graphical interfaces": "tkinter",
    "development tools": "typing pydoc doctest unittest",
    "debugging and profiling": "bdb pdb profile cProfile pstats timeit trace tracemalloc profiling",
    "packaging and distribution": "distutils ensurepip venv zipapp",
    "runtime services": """sysconfig warnings _py_warnings dataclasses contextlib abc _py_abc atexit traceback
        __future__ inspect annotationlib site _sitebuiltins""",
    "custom interpreters": "code codeop",
    "importing": "zipimport pkgutil modulefinder runpy importlib",
    "language services": """ast _ast_unparse symtable token keyword tokenize tabnanny pyclbr py_compile
        compileall dis opcode pickletools""",
    "unix and windows": "pty tty",
    "superseded": """optparse asynchat asyncore cgi cgitb chunk crypt imghdr imp mailcap nntplib pipes smtpd sndhdr
        sunau telnetlib uu xdrlib aifc msilib""",
}
