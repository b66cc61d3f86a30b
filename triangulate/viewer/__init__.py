"""The scene in space, in a window (`triangulate view`) or in files (`triangulate render`).

`opening` reads files into `contents`; `scene` makes `shapes` of them, as a `look` asks for, and
`painting` puts these into Open3D, for `interactive`, the window, and for `offscreen`, pictures, of
which `film` chooses the cameras.
"""
