"""The report on a reconstruction: one HTML page, and the same in numbers.

poses -> measure     what is derived once: sigmas, speeds, lengths of bones, who is there when
-> verdict     good, usable with care, or do not use; why, and what to do
-> describe    the numbers, as JSON
-> report      the page: figures, a skeleton to play, pictures
"""
